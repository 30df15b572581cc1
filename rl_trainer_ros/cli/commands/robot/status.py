"""`rl_trainer status`: what a robot does now."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import ServedRobot
from robot_interface_ros.config import option
from robot_interface_ros.robot_status import lines


@dataclass(frozen=True)
class StatusOptions(ServedRobot):
    """Which robot to look at."""

    timeout_s: float = option(
        5.0, "how long it is looked for; then it is heard for about 1.6 s", minimum=0.1, maximum=600.0
    )


def status(options: StatusOptions) -> int:
    """Show what a robot does, without commanding it; returns 0, or 1 where it is stopped or something is wrong."""
    from robot_interface_ros.ros.status_client import robot_status

    found = robot_status(options.namespace, options.timeout_s, options.domain_id)
    print("\n".join(lines(found)))
    return 1 if found.problems else 0


COMMAND = Command(
    "status",
    "what a robot does: joints, targets, pulses, streams, who serves and commands it; exit code 0: it may move, "
    "1: stopped or at fault, 2: not there",
    run=status,
    options=StatusOptions,
    examples=("rl_trainer status                                       # of /env_0, simulated or physical",),
    over_topics=True,
)
