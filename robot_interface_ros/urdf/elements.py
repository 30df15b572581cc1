"""The elements of a URDF as checked values: joints with their limits, joints that follow others, collision primitives.

Angles are in rad, lengths in m, speeds in rad/s, efforts in N·m (m/s and N for a prismatic joint).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.urdf.kinematics import ORIGIN, Pose, Vector3, rotation_rpy

JOINT_TYPES = ("revolute", "continuous", "prismatic", "fixed")
SHAPE_KINDS = ("box", "sphere", "cylinder", "capsule")
LARGEST = 1e9
"""Larger than any length, angle, speed and effort of a robot; sums and products of smaller numbers stay finite."""


class RobotModelError(ValueError):
    """A robot description is invalid, or a name is not in it; the message names the element."""

    def __init__(self, message: str, element: tuple[str, str, str] | None = None):
        """`element`: tag, attribute and value that identify the faulty element of the URDF; None if there is none."""
        super().__init__(message)
        self.element = element


@dataclass(frozen=True)
class Mimic:
    """A joint that follows another: position = multiplier * position of `joint` + offset."""

    joint: str
    multiplier: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Joint:
    """One URDF joint: `xyz` (m) and `rpy` (rad) give the child's pose in the parent; the unit `axis` is in the child's frame.

    Limits and speed are rad and rad/s, effort is N·m (m, m/s and N for a prismatic joint).
    """

    name: str
    type: str
    parent: str
    child: str
    xyz: Vector3 = ORIGIN
    rpy: Vector3 = ORIGIN
    axis: Vector3 = (1.0, 0.0, 0.0)
    lower: float = -math.inf
    upper: float = math.inf
    velocity: float = math.inf
    effort: float = math.inf
    mimic: Mimic | None = None

    def __post_init__(self) -> None:
        if self.type not in JOINT_TYPES:
            raise RobotModelError(f"joint {self.name!r} has type {self.type!r}; known: {', '.join(JOINT_TYPES)}")
        if not self.lower <= self.upper:
            raise RobotModelError(
                f"joint {self.name!r} has lower limit {self.lower} > upper limit {self.upper}; swap them"
            )
        if not (self.velocity >= 0.0 and self.effort >= 0.0):
            raise RobotModelError(
                f"joint {self.name!r} has velocity {self.velocity} and effort {self.effort}; both must be >= 0"
            )
        if not math.isclose(math.hypot(*self.axis), 1.0, abs_tol=1e-9):
            raise RobotModelError(f"joint {self.name!r} has axis {self.axis}; expected a vector of length 1")

    @property
    def pose(self) -> Pose:
        """The child's pose in its parent at joint position zero."""
        return rotation_rpy(self.rpy), self.xyz


@dataclass(frozen=True)
class Shape:
    """A collision primitive with the pose `xyz` (m), `rpy` (rad) in its link.

    `size` (m): box (x, y, z), sphere (radius,), cylinder (radius, length), capsule (radius, length between the centres
    of its ends). The axis of cylinders and capsules is z.
    """

    kind: str
    size: tuple[float, ...]
    xyz: Vector3 = ORIGIN
    rpy: Vector3 = ORIGIN

    def __post_init__(self) -> None:
        if self.kind not in SHAPE_KINDS:
            raise RobotModelError(f"unknown shape {self.kind!r}; known: {', '.join(SHAPE_KINDS)}")
        if not all(extent > 0.0 for extent in self.size):
            raise RobotModelError(f"a {self.kind} has size {self.size}; every extent must be > 0")


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Limits of joints: four read-only (n,) float64 arrays in the order of `names` (rad, rad, rad/s, N·m)."""

    names: tuple[str, ...]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    velocity: NDArray[np.float64]
    effort: NDArray[np.float64]

    def __post_init__(self) -> None:
        for label in ("lower", "upper", "velocity", "effort"):
            array = np.array(getattr(self, label), dtype=np.float64)
            if array.shape != (len(self.names),):
                raise RobotModelError(f"limits: {label} has shape {array.shape}, expected ({len(self.names)},)")
            array.setflags(write=False)
            object.__setattr__(self, label, array)
