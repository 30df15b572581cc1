"""Prevents self-collisions before targets are sent, by distances between capsules around the links. Pure.

One or several capsules (balls swept along a segment) enclose every collision shape, so an allowed posture has no contact; a
refused posture may only be close to contact. Distances of segments: Ericson, "Real-Time Collision Detection", 2005,
section 5.1.9.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.urdf.elements import Shape
from robot_interface_ros.urdf.kinematics import rotation_rpy
from robot_interface_ros.urdf.merged import merge_fixed_links
from robot_interface_ros.urdf.meshes import with_mesh_boxes
from robot_interface_ros.urdf.robot_model import RobotModel

MARGIN_M = 0.01
_REST_SLACK_M = 0.005
_NEAR_JOINTS = 2  # links that are at most this many joints apart overlap by design; joint limits keep them apart


class CollisionGuard:
    """Decides whether a robot may move from one posture to another.

    Two parts must stay MARGIN_M apart or, if they are closer in the rest pose, nearly as far apart as there. Parts that are
    too close may only move apart, so the robot can leave every posture.
    """

    def __init__(
        self, description: RobotDescription, may_touch: Sequence[Sequence[str]] = (), margin_m: float = MARGIN_M
    ):
        """`may_touch`: sets of links, by name or pattern (`r_index*`); links of one set are not checked against each other."""
        text = merge_fixed_links(description.urdf)
        model = with_mesh_boxes(RobotModel.from_urdf(text), text)
        self._names = description.joint_names
        self._links = [link for link in model.links if model.collisions.get(link)]
        index = {name: i for i, name in enumerate(self._names)}
        self._model, self._order = model, [index[name] for name in model.joint_names]
        owner, ends, radii = [], [], []
        for i, link in enumerate(self._links):
            for shape in model.collisions[link]:
                for start, end, radius in capsules(shape):
                    owner.append(i)
                    ends.append((start, end))
                    radii.append(radius)
        self._owner = np.array(owner, dtype=np.int64)
        self._ends = np.array(ends).reshape(-1, 2, 3)
        self._pairs = np.array(list(self._pairs_to_check(model, may_touch)), dtype=np.int64).reshape(-1, 2)
        self._reach = np.array(radii)[self._pairs].sum(axis=1)
        self._least = np.minimum(margin_m, self._clearances(description.rest) - _REST_SLACK_M)
        self._last: tuple[bytes, Array] | None = None

    def allows(self, before: Array, after: Array) -> bool:
        """Whether the joints may move from `before` to `after`, both `(n_joints,)` rad."""
        clearance = self._clearances(after)
        near = clearance < self._least
        if near.any():
            if self._last is None or self._last[0] != before.tobytes():
                self._last = before.tobytes(), self._clearances(before)
            if (clearance[near] < self._last[1][near] - 1e-9).any():
                return False
        self._last = after.tobytes(), clearance
        return True

    def clearance(self, position: Array) -> float:
        """Return the smallest distance between two checked parts minus their required distance, m; negative: too close."""
        return float((self._clearances(position) - self._least).min(initial=math.inf))

    def nearest(self, position: Array) -> tuple[str, str]:
        """Return the two links with the smallest clearance."""
        worst = int((self._clearances(position) - self._least).argmin())
        first, second = (self._links[self._owner[capsule]] for capsule in self._pairs[worst])
        return first, second

    def _clearances(self, position: Array) -> Array:
        if not len(self._pairs):
            return np.zeros(0)
        rotations, origins = np.empty((len(self._links), 3, 3)), np.empty((len(self._links), 3))
        poses = self._model.link_poses(position[self._order])
        for i, link in enumerate(self._links):
            origins[i], rotations[i] = poses[link]
        world = np.einsum("cij,cej->cei", rotations[self._owner], self._ends) + origins[self._owner][:, None, :]
        a, b = world[self._pairs[:, 0]], world[self._pairs[:, 1]]
        gaps: Array = segment_distances(a[:, 0], a[:, 1], b[:, 0], b[:, 1]) - self._reach
        return gaps

    def _pairs_to_check(self, model: RobotModel, may_touch: Sequence[Sequence[str]]) -> Iterable[tuple[int, int]]:
        """Yield pairs of capsules on links that move relative to each other and do not overlap by design."""
        sets = [{i for i, link in enumerate(self._links) if _matches(link, patterns)} for patterns in may_touch]
        parents = {joint.child: joint.parent for joint in model.joints.values()}

        def path(link: str) -> list[str]:
            links = [link]
            while links[-1] in parents:
                links.append(parents[links[-1]])
            return links

        paths = [path(link) for link in self._links]
        checked = set()
        for i, first in enumerate(paths):
            for j in range(i + 1, len(paths)):
                apart = len(set(first) ^ set(paths[j]))
                if apart > _NEAR_JOINTS and not any(i in touching and j in touching for touching in sets):
                    checked.add((i, j))
        for a in range(len(self._owner)):
            for b in range(a + 1, len(self._owner)):
                if (int(self._owner[a]), int(self._owner[b])) in checked:
                    yield a, b


def _matches(link: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(link, pattern) for pattern in patterns)


def capsules(shape: Shape) -> list[tuple[Array, Array, float]]:
    """Return capsules that together cover a collision shape: start and end of the segment (m, the link's frame), radius.

    A box is covered along its longest edge by parallel capsules; their number is the ratio of the middle edge to the
    shortest one, rounded up. With a radius a quarter larger than the distance of a corner from the axis, the segment can
    end deeper inside the box, and the capsule sticks out half as far.
    """
    rotation = np.array(rotation_rpy(shape.rpy)).reshape(3, 3)
    origin = np.asarray(shape.xyz)

    def placed(start: Array, end: Array, radius: float) -> tuple[Array, Array, float]:
        return origin + rotation @ start, origin + rotation @ end, radius

    if shape.kind != "box":
        half = 0.0 if shape.kind == "sphere" else shape.size[1] / 2
        return [placed(np.array((0.0, 0.0, -half)), np.array((0.0, 0.0, half)), shape.size[0])]
    size = np.array(shape.size)
    short, middle, long = (int(axis) for axis in np.argsort(size, kind="stable"))
    count = math.ceil(size[middle] / size[short] - 1e-9)
    width = size[middle] / count
    corner = math.hypot(width, size[short]) / 2
    radius = 1.25 * corner
    half = max(0.0, size[long] / 2 - 0.75 * corner)  # 0.75^2 + 1 = 1.25^2
    found = []
    for k in range(count):
        start = np.zeros(3)
        start[middle] = (k + 0.5) * width - size[middle] / 2
        end = start.copy()
        start[long], end[long] = -half, half
        found.append(placed(start, end, radius))
    return found


def segment_distances(
    p1: NDArray[np.float64], q1: NDArray[np.float64], p2: NDArray[np.float64], q2: NDArray[np.float64]
) -> Array:
    """Return the smallest distances, `(n,)`, of segments p1-q1 and p2-q2, each end `(n, 3)`; a segment may be a point."""
    d1, d2, r = q1 - p1, q2 - p2, p1 - p2
    a, e, f = (np.einsum("ni,ni->n", u, v) for u, v in ((d1, d1), (d2, d2), (d2, r)))
    b, c = np.einsum("ni,ni->n", d1, d2), np.einsum("ni,ni->n", d1, r)
    tiny = 1e-12
    safe_a, safe_e = np.maximum(a, tiny), np.maximum(e, tiny)
    denominator = a * e - b * b
    s = np.where(denominator > tiny, np.clip((b * f - c * e) / np.maximum(denominator, tiny), 0.0, 1.0), 0.0)
    t = (b * s + f) / safe_e
    t = np.where(e > tiny, np.clip(t, 0.0, 1.0), 0.0)
    s = np.where(a > tiny, np.clip((b * t - c) / safe_a, 0.0, 1.0), 0.0)
    gap = p1 + d1 * s[:, None] - p2 - d2 * t[:, None]
    distances: Array = np.sqrt(np.einsum("ni,ni->n", gap, gap))
    return distances
