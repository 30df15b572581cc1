"""Compute forces and counts from PyBullet's contact points. Pure functions.

A point is a tuple as `getContactPoints` returns it. Called for one body, PyBullet lists that body first, and the normal
points from the second body to the first. test/robot_sim/test_touch.py tests both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from robot_interface_ros.robot import Array
from robot_interface_ros.urdf.robot_model import RobotModel

Point = tuple[Any, ...]
BODY_B, LINK_A, LINK_B, PLACE, NORMAL, DISTANCE, FORCE = 2, 3, 4, 5, 7, 8, 9
_FRICTIONS = ((10, 11), (12, 13))


def touching(points: Iterable[Point]) -> list[Point]:
    """Return the points where bodies press or overlap. PyBullet also lists points that are only near."""
    return [point for point in points if point[DISTANCE] <= 0.0 or point[FORCE] > 0.0]


def wrench(points: Iterable[Point], body: int, links: Collection[int], origin: Array, scale: float) -> Array:
    """Return the force (N) on some links of `body` and the torque (N·m) about `origin`: `(6,)`, axes of the world.

    `links`: PyBullet's indices; forces between them are left out. `scale`: factor from PyBullet's forces to N.
    """
    total = np.zeros(6)
    for point in points:
        first, second = point[LINK_A] in links, point[BODY_B] == body and point[LINK_B] in links
        if first == second:
            continue
        force = point[FORCE] * np.array(point[NORMAL])
        for amount, direction in _FRICTIONS:
            force += point[amount] * np.array(point[direction])
        force *= scale if first else -scale
        total[:3] += force
        total[3:] += np.cross(np.array(point[PLACE]) - origin, force)
    return total


def end_effector_links(model: RobotModel, end_effector: str) -> frozenset[str]:
    """Return the end effector's link, the links fixed to it, and those that it carries: InMoov's hand with its fingers.

    If the end effector is fixed to other links, these count as well, since fixed links may have been merged.
    """
    before = {joint.child: joint for joint in model.joints.values()}
    base = end_effector
    while base in before and before[base].type == "fixed":
        base = before[base].parent

    def carried(link: str) -> bool:
        while link != base:
            if link not in before:
                return False
            link = before[link].parent
        return True

    return frozenset(link for link in model.links if carried(link))
