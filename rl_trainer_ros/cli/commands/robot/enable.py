"""`rl_trainer enable`: end an emergency stop, or take a robot's torque off."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import ServedRobot
from robot_interface_ros.config import option
from robot_interface_ros.start import leaving_at_once


@dataclass(frozen=True)
class EnableOptions(ServedRobot):
    """Which robot to let move, or not."""

    motion: bool = option(
        True, "true: it may move, which ends an emergency stop; false: it may not, and its torque goes off"
    )


def enable(options: EnableOptions) -> int:
    """Let a robot move, or take its torque off."""
    with leaving_at_once():
        from robot_interface_ros.ros import operator

    operator.enable(options.namespace, options.motion, options.timeout_s, options.domain_id)
    print(f"{options.namespace} {'may move' if options.motion else 'is limp where it can be, and refuses commands'}")
    return 0


COMMAND = Command(
    "enable",
    "let a stopped robot move again, or take its torque off",
    run=enable,
    options=EnableOptions,
    examples=("rl_trainer enable motion:=false                         # torque off, where the robot can",),
    over_topics=True,
)
