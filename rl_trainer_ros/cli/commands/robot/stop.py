"""`rl_trainer stop`: emergency stop of a robot."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import ServedRobot
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.start import leaving_at_once


@dataclass(frozen=True)
class StopOptions(ServedRobot):
    """Arguments of `rl_trainer stop`."""


def stop(options: StopOptions) -> int:
    """Stop a robot until `enable`."""
    with leaving_at_once():
        from robot_interface_ros.ros import operator

    stopped = operator.stop(options.namespace, options.timeout_s, options.domain_id)
    domain = [] if options.domain_id is None else [f"domain_id:={options.domain_id}"]
    again = command_line("enable", f"namespace:={options.namespace}", *domain)
    says = (
        "is stopped"
        if stopped
        else "got the stop, but does not publish motion_enabled to confirm it: check that it stands"
    )
    print(f"{options.namespace} {says}; {again} allows it to move again")
    return 0


COMMAND = Command(
    "stop",
    "emergency stop of a robot, until enable",
    run=stop,
    options=StopOptions,
    examples=("rl_trainer stop namespace:=/env_0",),
    over_topics=True,
)
