"""Command lines for messages to users, which work when they are copied into the same shell; executables of ROS packages."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = "rl_trainer_ros"


def command_line(*words: str, program: str = "rl_trainer") -> str:
    """Return the command line of a program of this installation with `words`, quoted for a shell."""
    return " ".join([*_program(program, os.environ), *map(shlex.quote, words)])


def listed(text: str) -> list[str]:
    """Return the parts of a text with commas; brackets around it, as around a list in YAML, do not count."""
    return [
        part for part in (one.strip() for one in text.strip().removeprefix("[").removesuffix("]").split(",")) if part
    ]


def find_executable(package: str, executable: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the executable's path in the first prefix of AMENT_PREFIX_PATH that has it; empty if none has it.

    The path is <prefix>/lib/<package>/<executable>, as for `ros2 run`.
    """
    for prefix in environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        path = Path(prefix) / "lib" / package / executable
        if prefix and path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return ""


def _program(name: str, environ: Mapping[str, str]) -> list[str]:
    """Return the words that start a program of this Python: its name if it is on PATH, otherwise its path.

    In a colcon workspace, `ros2 run` starts it.
    """
    beside, on_path = Path(sys.prefix) / "bin" / name, shutil.which(name, path=environ.get("PATH"))
    if beside.is_file():
        if on_path and os.path.samefile(on_path, beside):
            return [name]
        relative = os.path.relpath(beside)
        return [shlex.quote(str(beside) if relative.startswith("..") else relative)]
    if on_path:
        return [name]
    if find_executable(PACKAGE, name, environ):
        return ["ros2", "run", PACKAGE, name]
    return [
        shlex.quote(sys.executable),
        "-m",
        {"rl_trainer": f"{PACKAGE}.cli.main", "tensorboard": "tensorboard.main"}[name],
    ]
