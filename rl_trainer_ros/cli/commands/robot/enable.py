"""`rl_trainer enable`: end an emergency stop, or switch a robot's torque off."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import ServedRobot
from robot_interface_ros.config import option
from robot_interface_ros.start import leaving_at_once


@dataclass(frozen=True)
class EnableOptions(ServedRobot):
    """Arguments of `rl_trainer enable`."""

    motion: bool = option(
        True, "true: allow motion, which ends an emergency stop; false: refuse commands, and switch torque off"
    )


def enable(options: EnableOptions) -> int:
    """Allow a robot to move, or switch its torque off."""
    with leaving_at_once():
        from robot_interface_ros.ros import operator

    operator.enable(options.namespace, options.motion, options.timeout_s, options.domain_id)
    print(
        f"{options.namespace} {'may move' if options.motion else 'refuses commands, with torque off if the robot can'}"
    )
    return 0


COMMAND = Command(
    "enable",
    "allow a stopped robot to move again, or switch its torque off",
    run=enable,
    options=EnableOptions,
    examples=("rl_trainer enable motion:=false                         # torque off, if the robot supports it",),
    over_topics=True,
)
