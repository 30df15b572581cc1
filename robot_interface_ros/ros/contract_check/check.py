"""Checks a robot against the robot contract (docs/robot_contract.md), rule by rule.

The check moves the robot a little, and stops it.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from robot_interface_ros.errors import RobotError
from robot_interface_ros.ros.contract_check.client import ContractClient
from robot_interface_ros.ros.contract_check.rules import (
    BOTH,
    FIRST,
    LACKING,
    LAST,
    LISTEN_S,
    Rule,
    endpoints,
    needs,
    reset_answers_a_stamp,
    robot_description_is_latched,
)
from robot_interface_ros.ros.contract_check.rules_lockstep import IN_LOCKSTEP
from robot_interface_ros.ros.contract_check.rules_realtime import IN_REAL_TIME
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros_environment import check_discovery, discovery_words

LOCKSTEP, REAL_TIME = "lockstep", "realtime"


class Outcome(enum.Enum):
    """Result of the check of one rule."""

    KEPT = "ok"
    BROKEN = "BROKEN"
    LACKING = "lacks"
    """The rule is about an optional name that this robot does not serve."""
    UNCHECKED = "?"
    """The check needs a required name that this robot does not serve."""


@dataclass(frozen=True)
class Point:
    """One rule, and the result of its check."""

    rule: str
    outcome: Outcome
    detail: str = ""
    """What was expected and what came; what is lacking; or why the rule was not checked."""

    @property
    def kept(self) -> bool:
        """Whether a trainer can rely on the rule, as far as it applies to this robot."""
        return self.outcome in (Outcome.KEPT, Outcome.LACKING)


def check_contract(
    namespace: str = "/env_0",
    timeout_s: float = 3.0,
    mode: str = "auto",
    domain_id: int | None = None,
    rules: Collection[Rule] | None = None,
    joints: Sequence[str] = (),
) -> Iterator[Point]:
    """Check one robot; yield one point for each rule. If nothing is served, there is only one point.

    `rules`: which rules to check after those of FIRST; None: all rules of the robot's mode. `joints`: the joints to
    command; empty: all independent joints of the robot description.
    """
    with Runtime(domain_id=domain_id, signals=False) as runtime:
        check_discovery()
        client = ContractClient(runtime, namespace, timeout_s, joints)
        try:
            for rule in FIRST:
                point = _check(rule, client)
                if client.unusable >= {*contract.REQUIRED, *LACKING}:
                    cause = f"is a robot served in that namespace and ROS domain? ({discovery_words()})"
                    yield dataclasses.replace(point, detail=f"{point.detail}; {cause}")
                    return
                yield point
                if rule is endpoints:
                    yield from _lacking(client, [name for name in LACKING if name != contract.JOINT_TARGET])
                elif point.outcome is Outcome.BROKEN and rule is robot_description_is_latched and client.model is None:
                    client.unusable.add(contract.ROBOT_DESCRIPTION)
                elif point.outcome is Outcome.BROKEN and rule is reset_answers_a_stamp:
                    client.unusable.add(contract.RESET)
            found = detect_mode(client) if mode == "auto" else mode
            client.lockstep = found == LOCKSTEP
            yield Point(f"mode: {found}", Outcome.KEPT)
            if not client.lockstep:
                yield from _lacking(client, (contract.JOINT_TARGET,))
            for rule in (*BOTH, *(IN_LOCKSTEP if client.lockstep else IN_REAL_TIME), *LAST):
                if rules is None or rule in rules:
                    yield _check(rule, client)
        finally:
            client.close()


def _lacking(client: ContractClient, names: Sequence[str]) -> Iterator[Point]:
    for name in names:
        if not client.serves(name):
            yield Point(f"{name} is optional", Outcome.LACKING, f"it is not served: {LACKING[name]}")


def detect_mode(client: ContractClient) -> str:
    """Return the robot's mode: in lockstep, a robot publishes no joint_states without commands."""
    client.forget()
    client.listen(LISTEN_S)
    return REAL_TIME if client.states else LOCKSTEP


def text_of(rule: Rule) -> str:
    """Return the text of a rule for users: its docstring."""
    return " ".join((rule.__doc__ or "").split()).rstrip(".")


def _check(rule: Rule, client: ContractClient) -> Point:
    missing = [name for name in needs(rule) if not client.serves(name)]
    if missing:
        required = [name for name in missing if name in contract.REQUIRED]
        outcome = Outcome.UNCHECKED if required else Outcome.LACKING
        return Point(text_of(rule), outcome, f"not checked without {', '.join(required or missing)}")
    try:
        remark = rule(client)
    except RobotError as error:
        return Point(text_of(rule), Outcome.BROKEN, str(error))
    return Point(text_of(rule), Outcome.KEPT, remark or "")
