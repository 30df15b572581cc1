"""Eyes that look at a point: the joints of a head or of a pan-tilt unit follow it.

The controller has no memory. Each period it turns the optical axis towards the point by damped least squares, from the joint
targets that the robot executes. These are the same bits in process and over topics, so its commands are too. The limits of
position, speed and acceleration are on the robot's side, as for all commands.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from robot_interface_ros.config import ConfigError, unknown_name
from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.safety.limits import stoppable

SEEN = ("seen_x", "seen_y", "seen_z")
"""Names of the target's position in the frame that looks, in the ground truth of images."""
DAMPING = 0.3
"""Less than the lever 1 of a joint that turns the axis. Where a joint is at its limit, it keeps nearly parallel joints, such as
those that turn head and eyes sideways, from working against each other for a small gain."""
MOST_RAD = 0.5
"""Longest turn that a step aims at. Towards a point behind the robot, the shortest turn may be one over its head."""
AT_LIMIT = 1e-9
SURE_M = 0.04
"""Largest standard deviation of an estimate at which the eyes look there; above it they search, if they can."""
SEARCH_S, LOOK_S = 2.0, 1.0
"""A search is in the given posture for SEARCH_S, which head and eyes need to turn there and see, then at the estimate for
LOOK_S, and so on: each shows places that the other does not."""


def searches(elapsed_s: float, deviation_m: float) -> bool:
    """Return whether the eyes are to search `elapsed_s` after an episode's start, from the deviation of the estimate."""
    return deviation_m > SURE_M and elapsed_s % (SEARCH_S + LOOK_S) < SEARCH_S


class Gaze:
    """The frame that looks, and the joints that turn it. Joint arrays `(n_joints,)` are of all joints of the robot."""

    def __init__(self, description: RobotDescription, period_s: float):
        """`period_s`: control period. Raises ConfigError, one line, if the robot has no gaze or it cannot turn."""
        config = description.config.gaze
        if config is None:
            raise ConfigError(
                f"robot {description.name} has no gaze; add one to its file, such as "
                "gaze: {frame: camera_optical_frame, joints: [pan_joint, tilt_joint]}, or leave gaze out"
            )
        self._chain = description.model.chain(config.frame)
        names = self._chain.joint_names
        for joint in config.joints:
            if joint not in names:
                raise ConfigError(
                    f"robot {description.name}: gaze: joint {joint} does not turn {config.frame}; these do: {', '.join(names)}"
                )
        self._in_chain = description.model.index(names)
        self._free = np.array([names.index(joint) for joint in config.joints], dtype=np.intp)
        self.joint_names = config.joints
        self.indices = description.model.index(config.joints)
        """Their indices among the robot's joints."""
        limits = description.limits
        self._lower, self._upper = limits.lower[self.indices], limits.upper[self.indices]
        self._max_step = limits.velocity[self.indices] * period_s
        self._brake: list[float] = (description.max_acceleration[self.indices] * period_s * period_s).tolist()

    def pose(self, position: Array) -> tuple[Array, Array]:
        """Return position `(3,)` m and rotation `(3, 3)` of the frame that looks, in the root frame."""
        return self._chain.pose(position[self._in_chain])

    def seen(self, position: Array, point: Array) -> Array:
        """Return a point of the root frame, `(3,)` m, in the frame that looks: right, down, forward of an optical frame."""
        origin, rotation = self.pose(position)
        return (point - origin) @ rotation

    def targets(self, joint_target: Array, point: Array, posture: Array | None = None) -> Array:
        """Return the next targets of the joints of the gaze, `(n,)` rad, to look at `point`, `(3,)` m in the root frame.

        `joint_target`: the executed targets. They move as fast as they can still stop, so that the eyes do not overshoot.
        `posture`: `(n,)` rad, where joints go instead; NaN: the joint follows the point.
        """
        chain_q, q = joint_target[self._in_chain], joint_target[self.indices]
        origin, rotation = self._chain.pose(chain_q)
        axis = rotation[:, 2]
        # How each joint moves the axis; turns about the axis itself change nothing and are free.
        moves = _crossed(self._chain.jacobian(chain_q)[3:, self._free].T, axis).T
        step = self._step(moves, q, self._change(axis, point - origin))
        if posture is not None:
            step = np.where(np.isnan(posture), step, posture - q)
        most = np.minimum(
            [stoppable(abs(way), brake) for way, brake in zip(step.tolist(), self._brake)], self._max_step
        )
        wanted = q + np.minimum(np.maximum(step, -most), most)
        return np.minimum(np.maximum(wanted, self._lower), self._upper)

    def search_posture(self, search: Mapping[str, float]) -> Array:
        """Return `search`, joint -> rad, for `targets`. Raises ConfigError, one line, unless these joints can go there."""
        posture = np.full(len(self.joint_names), np.nan)
        for name, value in search.items():
            if name not in self.joint_names:
                raise ConfigError(f"gaze_search: {unknown_name('joint', name, self.joint_names)}")
            i = self.joint_names.index(name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
                raise ConfigError(f"gaze_search: {name} is {shown(value)}; expected a position, rad")
            if not self._lower[i] <= value <= self._upper[i]:
                raise ConfigError(
                    f"gaze_search: {name} is {value:g} rad, outside its limits {self._lower[i]:g} to {self._upper[i]:g}"
                )
            posture[i] = value
        return posture

    def _change(self, axis: Array, way: Array) -> Array:
        """Return the change of the optical axis `(3,)`, rad, towards `way`, at most MOST_RAD."""
        normal = _crossed(axis, way)
        sine = float(np.sqrt(np.square(normal).sum()))
        if sine < 1e-12:  # it looks there, or exactly away from it
            return np.zeros(3)
        angle = float(np.arctan2(sine, (axis * way).sum()))
        return _crossed(normal * (min(angle, MOST_RAD) / sine), axis)

    def _step(self, moves: Array, q: Array, change: Array) -> Array:
        """Return the joints' step `(n,)` rad. A joint that would exceed its limit is left out, and the others turn more."""
        step = _damped(moves, change)
        for _ in range(len(q)):
            stuck = ((q <= self._lower + AT_LIMIT) & (step < 0.0)) | ((q >= self._upper - AT_LIMIT) & (step > 0.0))
            if not stuck.any():
                break
            moves[:, np.argmax(np.where(stuck, np.abs(step), 0.0))] = 0.0
            step = _damped(moves, change)
        return step


def _crossed(a: Array, b: Array) -> Array:
    """Return the cross product of vectors `(..., 3)` with one vector `(3,)`; np.cross takes several times as long."""
    x, y, z = a[..., 0], a[..., 1], a[..., 2]
    return np.stack([y * b[2] - z * b[1], z * b[0] - x * b[2], x * b[1] - y * b[0]], axis=-1)


def _damped(moves: Array, change: Array) -> Array:
    gram = moves @ moves.T
    gram[(0, 1, 2), (0, 1, 2)] += DAMPING * DAMPING
    return np.asarray(moves.T @ np.linalg.solve(gram, change))
