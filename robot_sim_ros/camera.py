"""Cameras of the simulated world, rendered by PyBullet's software renderer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.config import ConfigError, unknown_name

NEAR_M, FAR_M = 0.05, 10.0


@dataclass(frozen=True)
class CameraPose:
    """Where a fixed camera stands, what it looks at (m, world) and its vertical field of view, degrees."""

    eye: tuple[float, float, float]
    look_at: tuple[float, float, float]
    fov_deg: float


# In front of the robot and to its right, so that its right arm's workspace fills the picture and depth shows sideways.
FIXED_CAMERAS = {"external": CameraPose(eye=(1.3, -1.3, 1.6), look_at=(0.1, -0.33, 1.36), fov_deg=44.0)}


class Camera:
    """Renders `(height, width, 3)` uint8 rgb."""

    def __init__(self, client: Any, name: str, width: int, height: int):
        """`client`: the BulletClient that holds the world. Raises ConfigError for a camera that does not exist."""
        if name not in FIXED_CAMERAS:
            raise ConfigError(unknown_name("camera", name, FIXED_CAMERAS))
        pose = FIXED_CAMERAS[name]
        self._client, self._width, self._height = client, width, height
        self._view = client.computeViewMatrix(pose.eye, pose.look_at, (0.0, 0.0, 1.0))
        self._projection = client.computeProjectionMatrixFOV(pose.fov_deg, width / height, NEAR_M, FAR_M)

    def render(self) -> NDArray[np.uint8]:
        """Draw the world as it is now."""
        client = self._client
        _, _, rgba, _, _ = client.getCameraImage(
            self._width,
            self._height,
            self._view,
            self._projection,
            shadow=0,
            lightDirection=(1.0, -0.6, 1.6),
            renderer=client.ER_TINY_RENDERER,
            flags=client.ER_NO_SEGMENTATION_MASK,
        )
        rgba = np.asarray(rgba, dtype=np.uint8).reshape(self._height, self._width, 4)
        return np.ascontiguousarray(rgba[:, :, :3])
