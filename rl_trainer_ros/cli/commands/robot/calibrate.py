"""`rl_trainer calibrate`: the servos of a physical robot."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros import factories
from rl_trainer_ros.bringup.launch_arguments import BOARDS
from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import robot_option
from robot_interface_ros.config import option


@dataclass(frozen=True)
class CalibrateOptions:
    """What to calibrate, and where to write it."""

    robot: str = robot_option()
    groups: tuple[str, ...] = option((), "groups of joints to calibrate, or [all]; empty: as the robot's file says")
    joints: tuple[str, ...] = option((), "joints to calibrate; empty: all of the groups")
    hardware: str = option(
        "",
        "file to begin with; empty: output where that exists, else <robot>_hardware.yaml beside the robot's file",
        path=True,
    )
    output: str = option("my_hardware.yaml", "file to write", path=True)
    board: str = option("serial", "what the servos hang on", choices=BOARDS.values())
    ports: tuple[str, ...] = option((), "board=port where it is another than the file's: [left=/dev/ttyACM0]")


def calibrate(options: CalibrateOptions) -> int:
    """Calibrate servos one by one, with a person at the terminal."""
    return factories.calibrate(**vars(options))


COMMAND = Command(
    "calibrate",
    "calibrate a physical robot's servos one by one",
    run=calibrate,
    options=CalibrateOptions,
    examples=("rl_trainer calibrate joints:='[r_elbow_flex_joint]'",),
)
