"""The cameras of a saved encoder, for programs that do not load its weights."""

from __future__ import annotations

from pathlib import Path

from robot_interface_ros.files.paths import expanded
from robot_interface_ros.files.untrusted_files import FileError, read_json

ONE = ("external",)
"""Those of encoders that older versions saved."""


def cameras_of(folder: str | Path) -> tuple[str, ...]:
    """Return the names in `folder`/encoder.json; `ONE` where the file does not say, which `Encoder.load` judges."""
    try:
        values = read_json(expanded(folder) / "encoder.json")
    except FileError:
        return ONE
    cameras = values.get("cameras") if isinstance(values, dict) else None
    if not isinstance(cameras, list) or not cameras or not all(isinstance(camera, str) for camera in cameras):
        return ONE
    return tuple(cameras)
