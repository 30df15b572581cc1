"""Observation: images of cameras."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.camera_settings import CameraSettings
from rl_trainer_ros.observations.observation import ObservationSpace
from robot_interface_ros.errors import RobotError


class RawPixels(ObservationSpace):
    """
    | index | name | unit | min, max |
    |---|---|---|---|
    | row, column, 3 i .. 3 i + 2 | red, green, blue of camera i | 1 | 0, 255 |

    `(image_height, image_width, 3 x cameras)` uint8. Two cameras are 6 channels.
    """

    Settings = CameraSettings
    summary = "pixels of one or several cameras"
    space: spaces.Box

    def __init__(self, arm: Arm, settings: Any = None):
        super().__init__(arm, settings)
        self._cameras: tuple[str, ...] = self.settings.cameras
        self._image = (self.settings.image_height, self.settings.image_width, 3)
        height, width, _ = self._image
        self.space = spaces.Box(0, 255, (height, width, 3 * len(self._cameras)), np.uint8)

    @property
    def cameras(self) -> tuple[str, ...]:
        """See ObservationSpace."""
        return self._cameras

    def encode(self, step_state: StepState) -> NDArray[np.uint8]:
        """See ObservationSpace. Raises RobotError if an image does not have the configured size."""
        images = step_state.observation.images
        for camera in self._cameras:
            if images[camera].shape != self._image:
                height, width, _ = images[camera].shape
                raise RobotError(
                    f"camera {camera} gives images of {width}x{height} pixels; expected {self._image[1]}x{self._image[0]}. "
                    "Give robot and observation the same image_width and image_height"
                )
        if len(self._cameras) == 1:
            return images[self._cameras[0]]
        return np.concatenate([images[camera] for camera in self._cameras], axis=2)
