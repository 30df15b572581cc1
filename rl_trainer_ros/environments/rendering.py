"""Pictures of an environment for people: what Gymnasium's `render_mode="rgb_array"` returns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.config import ConfigError, check_range
from robot_interface_ros.robot import Observation, Robot, layer_with
from robot_interface_ros.robot_config import RobotDescription

RGB_ARRAY = "rgb_array"
VIEW = "external"
"""The camera that pictures are taken by."""
SIZE = 224
"""Edge of a picture, pixels."""
_FINER = 2  # drawn so many times as fine and averaged: the simulator's renderer leaves edges in steps

Picture = NDArray[np.uint8]
Show = Callable[[Observation], Picture]
"""`(height, width, 3)` uint8 rgb of what was observed last."""


def view_of(robot: Robot, cameras: tuple[str, ...], size: int = SIZE) -> Show:
    """Return what shows a robot, `(size, size, 3)`; where it is not simulated here, as it is seen by a camera of its own.

    `cameras`: those whose images every observation has. Raises ConfigError where nothing shows the robot.
    """
    check_range("render_size", size, 8, 2048)
    drawing = layer_with(robot, "render")
    if drawing is not None:
        check_camera(drawing.description)
        return lambda observation: _smaller(drawing.render(VIEW, _FINER * size, _FINER * size))
    if VIEW in cameras:
        return lambda observation: observation.images[VIEW]
    raise ConfigError(
        f"render_mode {RGB_ARRAY} needs transport:=in_process, or over topics observation:=raw_pixels with the camera {VIEW}"
    )


def check_camera(robot: RobotDescription) -> None:
    """Raise ConfigError for a robot that lacks the camera that pictures are taken by."""
    if VIEW not in robot.cameras:
        raise ConfigError(
            f"pictures of an environment need a camera {VIEW}, and robot {robot.name} has none in its file"
        )


def check_render_mode(mode: str | None) -> None:
    """Raise ConfigError for a render mode that there is not."""
    if mode not in (None, RGB_ARRAY):
        raise ConfigError(f"unknown render_mode '{mode}'; known: {RGB_ARRAY} (in a window, over topics: rviz:=true)")


def _smaller(picture: Picture) -> Picture:
    height, width, colours = picture.shape
    cells = picture.reshape(height // _FINER, _FINER, width // _FINER, _FINER, colours)
    smaller: Picture = (cells.sum(axis=(1, 3), dtype=np.uint16) // _FINER**2).astype(np.uint8)
    return smaller
