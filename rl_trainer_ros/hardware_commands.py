"""The command line's ways to a physical robot: its ports, its calibration."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros import doors
from rl_trainer_ros.launch_arguments import BOARDS
from rl_trainer_ros.words import from_words
from robot_interface_ros.config import option


@dataclass(frozen=True)
class CalibrateOptions:
    """What to calibrate, and where to write it."""

    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file")
    groups: tuple[str, ...] = option((), "groups of joints to calibrate, or [all]; empty: as the robot's file says")
    joints: tuple[str, ...] = option((), "joints to calibrate; empty: all of the groups")
    hardware: str = option("", "file to begin with; empty: this package's config/hardware/<robot>.yaml")
    output: str = option("my_hardware.yaml", "file to write")
    board: str = option("serial", "what the servos hang on", choices=BOARDS)
    ports: tuple[str, ...] = option((), "board=port where it is another than the file's: [left=/dev/ttyACM0]")


@dataclass(frozen=True)
class FindPortOptions:
    """None."""


def calibrate(words: list[str]) -> int:
    """Calibrate servos one by one, with a person at the terminal."""
    options = from_words(CalibrateOptions, words, "calibrate")
    return doors.calibrate(**vars(options))


def find_port(words: list[str]) -> int:
    """List serial ports."""
    from_words(FindPortOptions, words, "find_port")
    return doors.find_port()
