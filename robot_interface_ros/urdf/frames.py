"""The frames of a robot: the pose of each link in its parent link. Pure: a model and joint positions in, values out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.kinematics import Matrix3, Pose, Vector3
from robot_interface_ros.urdf.robot_model import RobotModel

Quaternion = tuple[float, float, float, float]
FARTHEST = 1e9
"""rad or m: no joint is there, and twice as far is still a number."""


@dataclass(frozen=True)
class Transform:
    """The pose of the frame `child` in the frame `parent`: `xyz` (m) and a unit `quaternion` (x, y, z, w)."""

    parent: str
    child: str
    xyz: Vector3
    quaternion: Quaternion


class FrameTree:
    """All frames of a URDF: those of fixed joints once, those of movable and mimic joints for given joint positions."""

    def __init__(self, model: RobotModel):
        self._model = model
        zero = model.local_poses([0.0] * len(model.joint_names))
        self._carriers = {link: joint for link in zero if (joint := model.parent_joint(link)) is not None}
        self.static = tuple(
            transform(self._carriers[link].parent, link, pose)
            for link, pose in zero.items()
            if self._carriers[link].type == "fixed"
        )
        """The constant transforms, parents first."""

    def moving(self, positions: Mapping[str, float]) -> tuple[Transform, ...]:
        """Return the transforms of movable joints, parents first, for joint name -> position, rad or m.

        Other names are ignored. Raises RobotModelError with the names of independent joints without a position, or with the
        one whose position is not finite or beyond `FARTHEST`.
        """
        missing = [name for name in self._model.joint_names if name not in positions]
        if missing:
            raise RobotModelError(
                f"no position of {', '.join(missing)}; do joint_states and robot_description belong to the same robot?"
            )
        for name in self._model.joint_names:
            if not abs(positions[name]) < FARTHEST:  # NaN too
                raise RobotModelError(f"position of joint {name} is {positions[name]:.9g}; is a sensor broken?")
        poses = self._model.local_poses([positions[name] for name in self._model.joint_names])
        carriers = self._carriers
        return tuple(
            transform(carriers[link].parent, link, pose)
            for link, pose in poses.items()
            if carriers[link].type != "fixed"
        )


def transform(parent: str, child: str, pose: Pose) -> Transform:
    """Return a pose as a Transform."""
    return Transform(parent, child, pose[1], quaternion(pose[0]))


def quaternion(rotation: Matrix3) -> Quaternion:
    """Return the unit quaternion (x, y, z, w) of a rotation, w >= 0. It divides by the largest component, for accuracy.

    Shepperd, "Quaternion from rotation matrix", J. Guidance and Control 1(3), 1978.
    """
    a, b, c, d, e, f, g, h, i = rotation
    squares = (1.0 + a - e - i, 1.0 - a + e - i, 1.0 - a - e + i, 1.0 + a + e + i)  # 4 x², 4 y², 4 z², 4 w²
    largest = max(range(4), key=squares.__getitem__)
    scale = 0.5 / math.sqrt(squares[largest])
    rows = (
        (squares[0], b + d, c + g, h - f),
        (b + d, squares[1], f + h, c - g),
        (c + g, f + h, squares[2], d - b),
        (h - f, c - g, d - b, squares[3]),
    )
    sign = -1.0 if rows[largest][3] < 0.0 else 1.0
    x, y, z, w = (sign * scale * component for component in rows[largest])
    return x, y, z, w
