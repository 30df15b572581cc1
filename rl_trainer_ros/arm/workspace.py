"""The workspace for targets: reachable in the time of an episode, and never inside the body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Array
from robot_interface_ros.urdf.elements import Shape
from robot_interface_ros.urdf.kinematics import Chain, rotation_rpy
from robot_interface_ros.urdf.robot_model import RobotModel


class BodyClearance:
    """Computes distances from points to the links that the arm does not move, with a bounding box for each shape."""

    def __init__(self, model: RobotModel, rest: Array, moving: set[str]):
        """`moving`: links that are left out, because the arm moves them."""
        poses = model.link_poses(rest)
        centres, rotations, halves = [], [], []
        for link, shapes in model.collisions.items():
            if link in moving:
                continue
            position, rotation = poses[link]
            for shape in shapes:
                centres.append(position + rotation @ np.asarray(shape.xyz))
                rotations.append(rotation @ np.array(rotation_rpy(shape.rpy)).reshape(3, 3))
                halves.append(half_extents(shape))
        self._centres = np.array(centres).reshape(-1, 3)
        self._rotations = np.array(rotations).reshape(-1, 3, 3)
        self._halves = np.array(halves).reshape(-1, 3)

    def distance(self, points: NDArray[np.float64]) -> float:
        """Return the smallest distance of `points` `(n, 3)` to the body, m; 0 inside, infinity if there is no body."""
        if not len(self._centres):
            return float("inf")
        local = np.einsum("sij,psi->psj", self._rotations, points[:, None, :] - self._centres[None])
        outside = np.maximum(np.abs(local) - self._halves, 0.0)
        return float(np.sqrt(np.square(outside).sum(axis=2)).min())


def half_extents(shape: Shape) -> tuple[float, float, float]:
    """Return half the edges of a shape's bounding box, in the shape's frame, m."""
    size = shape.size
    if shape.kind == "box":
        return (size[0] / 2, size[1] / 2, size[2] / 2)
    if shape.kind == "sphere":
        return (size[0], size[0], size[0])
    length = size[1] / 2 + (size[0] if shape.kind == "capsule" else 0.0)
    return (size[0], size[0], length)


CLEARANCE_M, CLEARANCE_SHARE = 0.06, 0.1
"""Clearance of postures from the body: the smaller of this distance, m, and this share of the arm's length."""
_PROBES, _ENOUGH = 300, 3
"""Number of postures sampled to check a clearance, and how many of them must keep it."""


class ReachWorkspace:
    """Samples targets in the workspace of the hand.

    A posture is sampled uniformly within the joint limits, at most as far from rest as the joints can move in `travel_s`.
    The target is the position of the hand. If forearm or hand is closer than `clearance_m` to the body or the floor, the
    posture is sampled again. If an arm is so close to its body that hardly any posture keeps this clearance, half of it, a
    quarter, or none is used.
    """

    def __init__(self, arm: Arm, travel_s: float, clearance_m: float | None = None, limit_margin: float = 0.05):
        """`clearance_m`: None: from the arm's length; `limit_margin`: distance of postures from the joint limits, rad."""
        self._arm = arm
        varied = _varied(arm)
        travel = arm.velocity * travel_s
        self._low = np.maximum(arm.lower + limit_margin, arm.rest - travel)
        self._high = np.minimum(arm.upper - limit_margin, arm.rest + travel)
        self._low, self._high = np.minimum(self._low, arm.rest), np.maximum(self._high, arm.rest)
        self._low, self._high, self._varied = self._low[varied], self._high[varied], varied
        model = arm.description.model
        self._distal = _distal_chains(arm, int(varied.sum()))
        moving = tuple(name for name, moves in zip(arm.names, varied) if moves)
        self._body = BodyClearance(model, arm.description.rest, moved_links(model, moving))
        self._floor = arm.description.config.floor
        self.clearance_m = self._keepable(clearance_m or min(CLEARANCE_M, CLEARANCE_SHARE * arm.length))
        """Clearance of the targets' postures from the body and the floor, m."""

    def draw(self, generator: np.random.Generator) -> Array:
        """Return a target, `(3,)` m in the root frame. Raises ConfigError if no posture keeps the clearance."""
        for _ in range(10_000):
            q = self._posture(generator)
            if self._room(q) >= self.clearance_m:
                return self._arm.chain.position(q)
        raise ConfigError(
            f"robot {self._arm.description.name}: no posture of the arm keeps clear of the body and the floor: check the joint "
            "limits, the floor and the collision shapes in a viewer"
        )

    def _keepable(self, clearance_m: float) -> float:
        """Return the clearance, reduced if too few sampled postures keep it. The result is the same for equal robots."""
        generator, rooms = np.random.default_rng(0), []
        for _ in range(_PROBES):
            rooms.append(self._room(self._posture(generator)))
            if sum(room >= clearance_m for room in rooms) >= _ENOUGH:
                return clearance_m
        for share in (0.5, 0.25):
            if sum(room >= share * clearance_m for room in rooms) >= _ENOUGH:
                return share * clearance_m
        return 0.0

    def _posture(self, generator: np.random.Generator) -> Array:
        q = self._arm.rest.copy()
        q[self._varied] = generator.uniform(self._low, self._high)
        return q

    def _room(self, q: Array) -> float:
        """Return the distance from the arm's outer half to the body and the floor, m; negative below the floor."""
        limb = self._limb(q)
        above = np.inf if self._floor is None else float(limb[:, 2].min()) - self._floor
        return min(above, self._body.distance(limb))

    def _limb(self, q: Array) -> NDArray[np.float64]:
        """Return points along the outer half of the arm, `(n, 3)` m."""
        ends = [chain.position(q[: len(chain.joint_names)]) for chain in self._distal] + [self._arm.chain.position(q)]
        middles = [(a + b) / 2 for a, b in zip(ends, ends[1:])]
        return np.array(ends + middles)


def _varied(arm: Arm) -> NDArray[np.bool_]:
    """Return which joints vary in sampled postures: those articulated by the robot file, not, for example, the waist."""
    config = arm.description.config
    own = {name for group in config.articulated for name in config.groups[group]}
    varied = np.array([name in own for name in arm.names])
    return varied if varied.any() else np.ones(len(arm.names), dtype=bool)


def _distal_chains(arm: Arm, own: int) -> list[Chain]:
    """Return the chains to the links of the outer half of the arm; `own`: number of the arm's own joints."""
    model = arm.description.model
    children = [model.joints[name].child for name in arm.names]
    chains = [model.chain(child) for child in children[own // 2 - own :]]
    return [chain for chain in chains if chain.joint_names == arm.names[: len(chain.joint_names)]]


def moved_links(model: RobotModel, joint_names: tuple[str, ...]) -> set[str]:
    """Return the links that move when any of these joints moves."""
    moved: set[str] = {model.joints[name].child for name in joint_names}
    while True:
        more = {joint.child for joint in model.joints.values() if joint.parent in moved} - moved
        if not more:
            return moved
        moved |= more
