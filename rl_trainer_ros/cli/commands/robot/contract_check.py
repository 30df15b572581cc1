"""`rl_trainer contract_check`: check a robot against the robot contract."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import Placed, domain_option, namespace_option
from robot_interface_ros.config import option
from robot_interface_ros.start import leaving_at_once


@dataclass(frozen=True)
class ContractCheckOptions(Placed):
    """Arguments of `rl_trainer contract_check`."""

    namespace: str = namespace_option()
    joints: tuple[str, ...] = option((), "joints to command; empty: all movable joints of its robot_description")
    mode: str = option("auto", "mode of the robot; auto: detect it", choices=("auto", "lockstep", "realtime"))
    timeout_s: float = option(
        3.0, "longest wait for each answer, s (for a reset: ten times as long)", minimum=0.1, maximum=600.0
    )
    domain_id: int | None = domain_option()


def contract_check(options: ContractCheckOptions) -> int:
    """Check a robot against the contract; return 0 if it keeps every rule, otherwise 1."""
    with leaving_at_once():
        from robot_interface_ros.ros.contract_check.check import Outcome, check_contract

    found = dict.fromkeys(Outcome, 0)
    for point in check_contract(
        options.namespace, options.timeout_s, options.mode, options.domain_id, joints=options.joints
    ):
        print(
            f"  {point.outcome.value:<6}  {point.rule}" + (f"\n          {point.detail}" if point.detail else ""),
            flush=True,
        )
        found[point.outcome] += 1
    print(
        f"{options.namespace}: {found[Outcome.KEPT]} points kept, {found[Outcome.BROKEN]} broken, {found[Outcome.LACKING]} "
        f"of optional names that it does not serve, {found[Outcome.UNCHECKED]} not checked"
    )
    return 1 if found[Outcome.BROKEN] else 0


COMMAND = Command(
    "contract_check",
    "check a robot against docs/robot_contract.md, point by point",
    run=contract_check,
    options=ContractCheckOptions,
    over_topics=True,
)
