"""Checks point by point whether a node serves the robot contract (docs/robot_contract.md).

It moves the robot a little, and stops it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from robot_interface_ros.errors import RobotError
from robot_interface_ros.ros.contract_client import ContractClient
from robot_interface_ros.ros.contract_rules import BOTH, FIRST, LAST, LISTEN_S, Rule
from robot_interface_ros.ros.contract_rules_lockstep import IN_LOCKSTEP
from robot_interface_ros.ros.contract_rules_realtime import IN_REAL_TIME
from robot_interface_ros.ros.runtime import Runtime

LOCKSTEP, REAL_TIME = "lockstep", "realtime"


@dataclass(frozen=True)
class Point:
    """The outcome of one rule."""

    rule: str
    kept: bool
    said: str = ""
    """What was expected and what came, where it was not kept."""


def check_contract(
    namespace: str = "/env_0",
    timeout_s: float = 3.0,
    mode: str = "auto",
    domain_id: int | None = None,
    rules: Collection[Rule] | None = None,
) -> Iterator[Point]:
    """Check one robot, rule by rule; where one is broken that the others build on, that is the end.

    `rules`: which of those that build on the first ones; None: all of the robot's mode.
    """
    with Runtime(domain_id=domain_id, signals=False) as runtime:
        client = ContractClient(runtime, namespace, timeout_s)
        try:
            for rule in FIRST:
                point = _keep(rule, client)
                yield point
                if not point.kept:
                    return
            found = detect_mode(client) if mode == "auto" else mode
            yield Point(f"mode: {found}", True)
            for rule in (*BOTH, *(IN_LOCKSTEP if found == LOCKSTEP else IN_REAL_TIME), *LAST):
                if rules is None or rule in rules:
                    yield _keep(rule, client)
        finally:
            client.close()


def detect_mode(client: ContractClient) -> str:
    """Lockstep is silent while nobody commands."""
    client.forget()
    client.listen(LISTEN_S)
    return REAL_TIME if client.states else LOCKSTEP


def text_of(rule: Rule) -> str:
    """What users read of a rule: its docstring."""
    return " ".join((rule.__doc__ or "").split()).rstrip(".")


def _keep(rule: Rule, client: ContractClient) -> Point:
    try:
        rule(client)
    except RobotError as error:
        return Point(text_of(rule), False, str(error))
    return Point(text_of(rule), True)
