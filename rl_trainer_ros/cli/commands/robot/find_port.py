"""`rl_trainer find_port`: list the serial ports of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros import factories
from rl_trainer_ros.cli.command import Command


@dataclass(frozen=True)
class FindPortOptions:
    """`rl_trainer find_port` has no arguments."""


def find_port(options: FindPortOptions) -> int:
    """List serial ports; return the exit code."""
    return factories.find_port()


COMMAND = Command("find_port", "list serial ports, Arduinos first", run=find_port, options=FindPortOptions)
