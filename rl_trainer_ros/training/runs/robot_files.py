"""Record the files of a run's robot, with paths and digests, and compare them when the run is used again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.checked_values import listed, mapping, text
from robot_interface_ros.files.description import resolve
from robot_interface_ros.files.untrusted_files import FileError, read_bytes, read_json, read_yaml
from robot_interface_ros.files.xacro_process import files_of
from robot_interface_ros.robot_config import robot_config, robot_file

FILE = "robot_files.json"
_DIGITS = 12


def record(robot: str) -> dict[str, Any]:
    """Return the files of a robot with their sha256: robot file, URDF or xacro file, and included files.

    Raises ConfigError or FileNotFoundError if one cannot be read.
    """
    own = robot_file(robot)
    urdf = resolve(robot_config(robot).urdf, own.parent)
    files = [own, *files_of(urdf)]
    return {"robot": robot, "files": [{"path": str(file.absolute()), "sha256": digest(file)} for file in files]}


def digest(file: Path) -> str:
    """Return the sha256 of a file. For a YAML file it is computed from the values, so that comments do not matter."""
    if file.suffix in (".yaml", ".yml"):
        content = json.dumps(read_yaml(file), sort_keys=True, default=str).encode()
    else:
        content = read_bytes(file)
    return hashlib.sha256(content).hexdigest()


def difference(run: Path, robot: str) -> str:
    """Return in one line how `robot` differs from the robot that a run was trained on; empty if it does not.

    A run of an earlier version, which has no record, counts as equal.
    """
    try:
        stored = _stored(run / FILE)
    except FileError:
        return ""
    try:
        now = {row["path"]: row["sha256"] for row in record(robot)["files"]}
    except (ConfigError, OSError) as error:
        path, sha256 = next(iter(stored.items()))
        return f"{error}; the run was trained on {path} (sha256 {sha256[:_DIGITS]})"
    if sorted(now.values()) == sorted(stored.values()):  # moved, and not changed
        return ""
    for path, sha256 in stored.items():
        if sha256 not in now.values():
            if path not in now:
                return f"{robot} has no file like {path} (sha256 {sha256[:_DIGITS]}), on which the run was trained"
            return (
                f"{path} has changed since the run was trained (sha256 {now[path][:_DIGITS]}, then {sha256[:_DIGITS]})"
            )
    return f"{robot} has files that the run was not trained on: {', '.join(sorted(now.keys() - stored.keys()))}"


def check(run: Path, robot: str, remedy: str) -> None:
    """Raise ConfigError, which ends with `remedy`, if a robot has changed since a run was trained."""
    found = difference(run, robot)
    if found:
        raise ConfigError(f"{found}; put the old file back, or {remedy}")


def _stored(path: Path) -> dict[str, str]:
    rows = listed(mapping(read_json(path), str(path)).get("files"), f"{path}: files")
    files = {}
    for row in (mapping(row, f"{path}: files") for row in rows):
        files[text(row.get("path"), f"{path}: path")] = text(row.get("sha256"), f"{path}: sha256")
    if not files:
        raise FileError(f"{path} names no file")
    return files
