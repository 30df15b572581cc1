"""Reads and writes poses in URDF text, in the <origin> of an element."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable

from robot_interface_ros.urdf.kinematics import IDENTITY, ORIGIN, Matrix3, Pose, rotation_rpy


def element_pose(element: ElementTree.Element) -> Pose:
    """Return the pose in an element's <origin>; identity without one."""
    origin = element.find("origin")
    if origin is None:
        return IDENTITY, ORIGIN
    x, y, z = (float(word) for word in origin.get("xyz", "0 0 0").split())
    return rotation_rpy([float(word) for word in origin.get("rpy", "0 0 0").split()]), (x, y, z)


def place(element: ElementTree.Element, pose: Pose) -> None:
    """Write a pose to an element's <origin>."""
    origin = element.find("origin")
    if origin is None:
        origin = ElementTree.Element("origin")
        element.insert(0, origin)
    origin.set("xyz", written(pose[1]))
    origin.set("rpy", written(rpy(pose[0])))


def rpy(rotation: Matrix3) -> tuple[float, float, float]:
    """Return roll, pitch and yaw (rad) of a rotation. If pitch is a right angle, only roll -/+ yaw is defined; yaw is 0."""
    across = math.hypot(rotation[0], rotation[3])
    pitch = math.atan2(-rotation[6], across)
    if across > 1e-9:
        return math.atan2(rotation[7], rotation[8]), pitch, math.atan2(rotation[3], rotation[0])
    return math.atan2(-rotation[5], rotation[4]), pitch, 0.0


def written(numbers: Iterable[float]) -> str:
    """Return numbers as a URDF attribute, with all digits."""
    return " ".join(repr(float(number)) for number in numbers)
