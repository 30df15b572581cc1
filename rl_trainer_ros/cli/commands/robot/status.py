"""`rl_trainer status`: show the state of a robot."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import ServedRobot
from robot_interface_ros.config import option
from robot_interface_ros.robot_status import lines


@dataclass(frozen=True)
class StatusOptions(ServedRobot):
    """Arguments of `rl_trainer status`."""

    timeout_s: float = option(
        5.0, "longest time to find the robot, s; then its messages are read for about 1.6 s", minimum=0.1, maximum=600.0
    )


def status(options: StatusOptions) -> int:
    """Show the state of a robot without commanding it; return 0, or 1 if it is stopped or has a fault."""
    from robot_interface_ros.ros.status_client import robot_status

    found = robot_status(options.namespace, options.timeout_s, options.domain_id)
    print("\n".join(lines(found)))
    return 1 if found.problems else 0


COMMAND = Command(
    "status",
    "state of a robot: joints, targets, pulses, streams, its server and client; exit code 0: it may move, "
    "1: stopped or with a fault, 2: not found",
    run=status,
    options=StatusOptions,
    examples=("rl_trainer status                                       # of /env_0, simulated or physical",),
    over_topics=True,
)
