"""`rl_trainer calibrate`: calibrate the servos of a physical robot."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros import factories
from rl_trainer_ros.bringup.robot_checks import BOARDS
from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import robot_option
from robot_interface_ros.config import option


@dataclass(frozen=True)
class CalibrateOptions:
    """Arguments of `rl_trainer calibrate`."""

    robot: str = robot_option()
    groups: tuple[str, ...] = option((), "groups of joints to calibrate, or [all]; empty: those of the robot file")
    joints: tuple[str, ...] = option((), "joints to calibrate; empty: all of the groups")
    hardware: str = option(
        "",
        "hardware file to start from; empty: output if it exists, otherwise <robot>_hardware.yaml next to the robot file",
        path=True,
    )
    output: str = option("my_hardware.yaml", "hardware file to write", path=True)
    board: str = option("serial", "servo board type", choices=BOARDS.values())
    ports: tuple[str, ...] = option((), "board=port, if it differs from the hardware file: [left=/dev/ttyACM0]")


def calibrate(options: CalibrateOptions) -> int:
    """Calibrate servos one by one, together with a person at the terminal."""
    return factories.calibrate(**vars(options))


COMMAND = Command(
    "calibrate",
    "calibrate a physical robot's servos one by one",
    run=calibrate,
    options=CalibrateOptions,
    examples=("rl_trainer calibrate joints:='[r_elbow_flex_joint]'",),
)
