"""Description of one process of a training system, for both front ends of bring-up."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rl_trainer_ros.bringup.launch_arguments import BringupError


@dataclass(frozen=True)
class Process:
    """One process: an `executable` for `ros2 run`, the same as a Python `module`, and its arguments.

    package, program: of an executable of another package, which has a path instead of a module.
    words, remappings: arguments on its command line before the parameters.
    max_restarts, restart_window_s: number of restarts within this time, s.
    optional: training continues without it.
    shutdown_timeout_s: time to exit after a signal, before the next signal.
    orphan_signal: signal from the kernel if the supervisor was killed; SIGTERM for a process that saves a model or moves a
    robot, SIGKILL for others.
    """

    name: str
    executable: str
    module: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    params_file: str = ""
    max_restarts: int = 3
    restart_window_s: float = 600.0
    shutdown_timeout_s: float = 10.0
    ends_system: bool = False
    orphan_signal: signal.Signals = signal.SIGKILL
    package: str = "rl_trainer_ros"
    program: str = ""
    words: tuple[str, ...] = ()
    remappings: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False

    def __post_init__(self) -> None:
        if bool(self.module) == bool(self.program):
            raise BringupError(f"process {self.name} needs either a module or a program, not both")
        if self.ends_system and self.max_restarts:
            raise BringupError(f"process {self.name} ends the system, so its max_restarts must be 0")
        if self.max_restarts < 0 or self.shutdown_timeout_s <= 0:
            raise BringupError(f"process {self.name}: max_restarts must be at least 0 and shutdown_timeout_s above 0")
