"""Appearance of an episode to the cameras: direction and intensity of the light, poses of the cameras. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robot_interface_ros.robot import NOTHING, Array
from robot_interface_ros.urdf.kinematics import rotation_rpy
from robot_sim_ros.imperfection.draw import Drawn

Vector = tuple[float, ...]
_ALMOST_UP = 1.5  # rad: raised beyond the zenith, the light would come from the opposite side


@dataclass(frozen=True)
class Look:
    """Light and camera poses of an image; the defaults change nothing."""

    light_turn: Vector = (0.0, 0.0)
    light_intensity: float = 1.0
    shift: Mapping[str, Vector] = field(default_factory=lambda: NOTHING)
    """Camera -> shift to its right, up and back, m."""
    turn: Mapping[str, Vector] = field(default_factory=lambda: NOTHING)
    """Camera -> rotation about its right, up and back axes, rad."""

    def light_from(self, direction: Sequence[float]) -> Vector:
        """Return the direction towards the light; `direction`: the one without imperfection, from the middle of the world."""
        sideways, upwards = self.light_turn
        if not (sideways or upwards):
            return tuple(direction)
        x, y, z = direction
        flat, height = math.atan2(y, x) + sideways, math.atan2(z, math.hypot(x, y)) + upwards
        length, height = math.hypot(x, y, z), min(max(height, -_ALMOST_UP), _ALMOST_UP)
        level = length * math.cos(height)
        return level * math.cos(flat), level * math.sin(flat), length * math.sin(height)

    def view_of(self, camera: str, view: Sequence[float]) -> Sequence[float]:
        """Return the view matrix of a camera after its shift and rotation; `view`: the one without imperfection.

        Both are 16 numbers, column by column, from world to camera (x right, y up, z back), as in OpenGL.
        """
        shift, turn = self.shift.get(camera, (0.0, 0.0, 0.0)), self.turn.get(camera, (0.0, 0.0, 0.0))
        if not any((*shift, *turn)):
            return view
        moved = np.eye(4)
        moved[:3, :3] = np.array(rotation_rpy(turn)).reshape(3, 3)
        moved[:3, 3] = shift
        proper: Array = np.array(view, dtype=np.float64).reshape(4, 4, order="F")
        seen: list[float] = (np.linalg.inv(moved) @ proper).ravel(order="F").tolist()
        return seen


def look_of(drawn: Drawn) -> Look:
    """Return the look of an episode with these imperfections."""
    return Look(drawn.light_turn, drawn.light_intensity, drawn.camera_shift, drawn.camera_turn)
