"""Images of an environment for people: Gymnasium's `render_mode="rgb_array"`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.config import ConfigError, check_range
from robot_interface_ros.robot import Observation, Robot, layer_with
from robot_interface_ros.robot_config import RobotDescription

RGB_ARRAY = "rgb_array"
VIEW = "external"
"""Name of the camera for these images."""
SIZE = 224
"""Width and height of an image, pixels."""
_FINER = 2  # factor of the resolution before averaging: the simulator's renderer does not smooth edges

Picture = NDArray[np.uint8]
Show = Callable[[Observation], Picture]
"""Returns `(height, width, 3)` uint8 rgb for the last observation."""


def view_of(robot: Robot, cameras: tuple[str, ...], size: int = SIZE) -> Show:
    """Return a function that renders a robot, `(size, size, 3)`. If it is not simulated in process, it returns camera images.

    `cameras`: cameras whose images are in every observation. Raises ConfigError if no image is available.
    """
    check_range("render_size", size, 8, 2048)
    simulated = layer_with(robot, "render")
    if simulated is not None:
        check_camera(simulated.description)
        return lambda observation: _smaller(simulated.render(VIEW, _FINER * size, _FINER * size))
    if VIEW in cameras:
        return lambda observation: observation.images[VIEW]
    raise ConfigError(
        f"render_mode {RGB_ARRAY} needs transport:=in_process, or over topics observation:=raw_pixels with the camera {VIEW}"
    )


def check_camera(robot: RobotDescription) -> None:
    """Raise ConfigError if the robot has no camera for these images."""
    if VIEW not in robot.cameras:
        raise ConfigError(f"images of an environment need a camera {VIEW}; the robot file of {robot.name} has none")


def check_render_mode(mode: str | None) -> None:
    """Raise ConfigError for an unknown render mode."""
    if mode not in (None, RGB_ARRAY):
        raise ConfigError(f"unknown render_mode '{mode}'; known: {RGB_ARRAY} (in a window, over topics: rviz:=true)")


def _smaller(picture: Picture) -> Picture:
    height, width, colours = picture.shape
    cells = picture.reshape(height // _FINER, _FINER, width // _FINER, _FINER, colours)
    smaller: Picture = (cells.sum(axis=(1, 3), dtype=np.uint16) // _FINER**2).astype(np.uint8)
    return smaller
