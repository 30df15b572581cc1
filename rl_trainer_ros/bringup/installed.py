"""Executables of other ROS packages, found where ROS keeps them, without an import of ROS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def find_executable(package: str, executable: str, environ: Mapping[str, str] = os.environ) -> str:
    """The executable's path on the first prefix of AMENT_PREFIX_PATH that has it; empty where none does.

    <prefix>/lib/<package>/<executable> is where `ros2 run` looks too.
    """
    for prefix in environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        path = Path(prefix) / "lib" / package / executable
        if prefix and path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return ""
