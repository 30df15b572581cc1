"""The cameras of a saved encoder, and size and gaze of their images, for programs that do not load its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robot_interface_ros.files.paths import expanded
from robot_interface_ros.files.untrusted_files import FileError, read_json

ONE = ("external",)
"""Those of encoders that older versions saved."""
GAZES = ("target", "hand", "estimate")
"""Points at which the eyes may have looked in an encoder's images."""


def cameras_of(folder: str | Path) -> tuple[str, ...]:
    """Return the names in `folder`/encoder.json; `ONE` where the file does not say, which `Encoder.load` judges."""
    cameras = _values(folder).get("cameras")
    if not isinstance(cameras, list) or not cameras or not all(isinstance(camera, str) for camera in cameras):
        return ONE
    return tuple(cameras)


def image_size_of(folder: str | Path) -> tuple[int, int] | None:
    """Return width and height of the images in `folder`/encoder.json; None where the file does not say."""
    shape = _values(folder).get("image_shape")
    if not isinstance(shape, list) or len(shape) != 3 or not all(type(side) is int and side > 0 for side in shape):
        return None
    return shape[1], shape[0]


def robot_of(folder: str | Path) -> str:
    """Return the robot in the images in `folder`/encoder.json: a name, or the path of its file; empty: not known."""
    config = _values(folder).get("config")
    robot = config.get("robot") if isinstance(config, dict) else None
    return robot if isinstance(robot, str) else ""


def gaze_of(folder: str | Path) -> str:
    """Return the gaze with which the images in `folder`/encoder.json were recorded; empty: the eyes stood still."""
    config = _values(folder).get("config")
    gaze = config.get("gaze") if isinstance(config, dict) else None
    return gaze if isinstance(gaze, str) and gaze in GAZES else ""


def _values(folder: str | Path) -> dict[str, Any]:
    """Return the content of an encoder.json; empty where it cannot be read, which `Encoder.load` judges."""
    try:
        values = read_json(expanded(folder) / "encoder.json")
    except FileError:
        return {}
    return values if isinstance(values, dict) else {}
