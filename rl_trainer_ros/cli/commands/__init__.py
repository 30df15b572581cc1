"""The commands of `rl_trainer`: each has a file, which defines a `Command` with the name COMMAND, and a row in this table."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from robot_interface_ros.start import leaving_at_once

if TYPE_CHECKING:
    from rl_trainer_ros.cli.command import Command

_FILES = (
    "train",
    "robots",
    "evaluate",
    "cross_evaluate",
    "curves",
    "report",
    "on_page.page",
    "record",
    "dataset",
    "on_page.enjoy",
    "on_page.demo",
    "on_page.replay",
    "train_srl",
    "compare_srl",
    "distillation.distil",
    "distillation.continual",
    "robot.find_port",
    "robot.calibrate",
    "robot.move",
    "robot.status",
    "robot.stop",
    "robot.enable",
    "robot.contract_check",
    "robot.ros2_control",
    "list",
    "completion",
)
"""Modules in this folder, in the order of `rl_trainer --help`. A module has the name of its command."""
COMMANDS = {file.rpartition(".")[2]: file for file in _FILES}
"""Command -> its file."""


@cache
def load(name: str) -> Command:
    """Return a command of COMMANDS. Its module is imported only now, so that a command does not wait for imports of others."""
    with leaving_at_once():
        command: Command = import_module(f"{__name__}.{COMMANDS[name]}").COMMAND
    return command
