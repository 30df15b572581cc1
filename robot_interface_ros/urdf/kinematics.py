"""Kinematics of one serial chain: forward, Jacobian and damped inverse. Angles in rad, lengths in m.

Every control step needs the position of the tip, so `Chain.position` is plain Python, with constants that are computed when
the chain is created. For a five-joint arm it is several times faster than products of 3x3 arrays, and its result depends
only on the platform's sin and cos. A rotation maps vectors from the child's frame to the parent's.

Sources: the geometric Jacobian is that of Siciliano, Sciavicco, Villani and Oriolo, "Robotics: Modelling, Planning and
Control" (2009), section 3.1. Damped least squares: Nakamura and Hanafusa, "Inverse Kinematic Solutions With Singularity
Robustness for Robot Manipulator Control", J. Dyn. Sys., Meas., Control 108(3), 1986; Wampler, IEEE Trans. Systems, Man,
and Cybernetics 16(1), 1986.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector3 = tuple[float, float, float]
Matrix3 = tuple[float, float, float, float, float, float, float, float, float]
"""A rotation, row by row."""
Pose = tuple[Matrix3, Vector3]
FloatArray = NDArray[np.float64]

IDENTITY: Matrix3 = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
ORIGIN: Vector3 = (0.0, 0.0, 0.0)

DAMPING = 0.05
"""Default damping (m/rad): small compared with the .1 to .6 m levers of an arm, so it acts only near singular postures."""
LEAST_DAMPING = 1e-3
"""Damping at the goal, so that a step is also defined for a stretched arm."""
MAX_STEP_M = 0.1
"""Longest displacement of one iteration of `inverse`: for longer ones the arm is not nearly linear."""
TOLERANCE_M = 1e-4
"""Distance at which `inverse` has arrived."""
AT_LIMIT = 1e-9
"""Distance to a limit (rad or m) within which a joint counts as being at the limit."""
LEAST_GAIN_M, PATIENCE = 1e-6, 10
"""A descent ends after more than PATIENCE iterations that gained less than LEAST_GAIN_M: its goal is out of reach. Descents
that arrive have at most 4 such iterations in a row (1,200 on targets of reach)."""


def multiply(a: Matrix3, b: Matrix3) -> Matrix3:
    """Return the product a b."""
    a0, a1, a2, a3, a4, a5, a6, a7, a8 = a
    b0, b1, b2, b3, b4, b5, b6, b7, b8 = b
    return (
        a0 * b0 + a1 * b3 + a2 * b6, a0 * b1 + a1 * b4 + a2 * b7, a0 * b2 + a1 * b5 + a2 * b8,
        a3 * b0 + a4 * b3 + a5 * b6, a3 * b1 + a4 * b4 + a5 * b7, a3 * b2 + a4 * b5 + a5 * b8,
        a6 * b0 + a7 * b3 + a8 * b6, a6 * b1 + a7 * b4 + a8 * b7, a6 * b2 + a7 * b5 + a8 * b8,
    )  # fmt: skip


def rotate(a: Matrix3, v: Vector3) -> Vector3:
    """Return the product a v."""
    x, y, z = v
    return (a[0] * x + a[1] * y + a[2] * z, a[3] * x + a[4] * y + a[5] * z, a[6] * x + a[7] * y + a[8] * z)


def compose(a: Pose, b: Pose) -> Pose:
    """Return the pose b in the frame of a's parent; b is relative to a."""
    x, y, z = rotate(a[0], b[1])
    return multiply(a[0], b[0]), (a[1][0] + x, a[1][1] + y, a[1][2] + z)


def rotation_rpy(rpy: Sequence[float]) -> Matrix3:
    """Return the rotation of URDF's roll, pitch, yaw (rad): about the fixed x, then y, then z."""
    cr, sr = math.cos(rpy[0]), math.sin(rpy[0])
    cp, sp = math.cos(rpy[1]), math.sin(rpy[1])
    cy, sy = math.cos(rpy[2]), math.sin(rpy[2])
    return (
        cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr,
        sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr,
        -sp, cp * sr, cp * cr,
    )  # fmt: skip


def rotation_about(axis: Sequence[float], angle: float) -> Matrix3:
    """Return the rotation by `angle` (rad) about a unit axis (Rodrigues' formula)."""
    x, y, z = axis
    c, s = math.cos(angle), math.sin(angle)
    t = 1.0 - c
    return (
        t * x * x + c, t * x * y - s * z, t * x * z + s * y,
        t * x * y + s * z, t * y * y + c, t * y * z - s * x,
        t * x * z - s * y, t * y * z + s * x, t * z * z + c,
    )  # fmt: skip


@dataclass(frozen=True)
class Segment:
    """One joint between root and tip: a fixed pose, then a motion by `scale * q[index] + offset` on `axis`.

    `kind` is "fixed", "turn" (revolute, continuous: about the axis) or "slide" (prismatic: along it). `index` is an index
    into the chain's joint names. A mimic joint has the index of the joint that it follows, and its own multiplier and offset.
    """

    pose: Pose
    kind: str = "fixed"
    axis: Vector3 = (1.0, 0.0, 0.0)
    index: int = -1
    scale: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("fixed", "turn", "slide"):
            raise ValueError(f"unknown segment kind {self.kind!r}; known: fixed, turn, slide")
        if self.kind != "fixed" and self.index < 0:
            raise ValueError(f"a {self.kind} segment needs the index of its joint, got {self.index}")


# One motion of the folded chain: the rotation (None: identity) and translation before it, then its code, index, scale
# and offset.
_Folded = tuple["Matrix3 | None", float, float, float, int, int, float, float]
_SLIDE, _X, _Y, _Z = 0, 1, 2, 3


class Chain:
    """The joints between `root` and `tip`, and the pose of the tip.

    Joint arrays have the order of `joint_names`: the independent joints that move the tip, from base to tip. Positions,
    rotations and Jacobians are in the root frame (the world frame if the root is at the origin).
    """

    def __init__(self, joint_names: Sequence[str], segments: Sequence[Segment], root: str = "", tip: str = "") -> None:
        self.joint_names = tuple(joint_names)
        self.root = root
        self.tip = tip
        for segment in segments:
            if segment.index >= len(self.joint_names):
                count = len(self.joint_names)
                raise ValueError(f"a segment moves with joint {segment.index}; expected less than {count}")
        self._folded, self._end = _fold(segments)
        # position() goes from tip to root: rotating a vector is cheaper than rotating a matrix.
        self._inward = tuple(reversed(self._folded))

    def position(self, q: ArrayLike) -> FloatArray:
        """Return the tip's position, (3,) float64 m, for joint positions q (n,) rad (m for a prismatic joint)."""
        values = self._values(q)
        x, y, z = self._end[1]
        for rotation, tx, ty, tz, code, index, scale, offset in self._inward:
            value = scale * values[index] + offset
            if code == _Y:
                c = math.cos(value)
                s = math.sin(value)
                x, z = c * x + s * z, c * z - s * x
            elif code == _Z:
                c = math.cos(value)
                s = math.sin(value)
                x, y = c * x - s * y, s * x + c * y
            elif code == _X:
                c = math.cos(value)
                s = math.sin(value)
                y, z = c * y - s * z, s * y + c * z
            else:
                z += value
            if rotation is not None:
                x, y, z = rotate(rotation, (x, y, z))
            x += tx
            y += ty
            z += tz
        return np.array((x, y, z))

    def pose(self, q: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return position (3,) m and rotation (3, 3) of the tip."""
        (rotation, position), _ = self._walk(self._values(q))
        return np.array(position), np.array(rotation).reshape(3, 3)

    def jacobian(self, q: ArrayLike) -> FloatArray:
        """Return the geometric Jacobian (6, n).

        Its columns are the tip's velocity (m/s, first three rows) and angular velocity (rad/s) for each joint at 1 rad/s.
        """
        (_, position), motions = self._walk(self._values(q))
        px, py, pz = position
        jacobian = np.zeros((6, len(self.joint_names)))
        for turns, index, scale, (ax, ay, az), (ox, oy, oz) in motions:
            if turns:
                dx, dy, dz = px - ox, py - oy, pz - oz
                column = (ay * dz - az * dy, az * dx - ax * dz, ax * dy - ay * dx, ax, ay, az)
            else:
                column = (ax, ay, az, 0.0, 0.0, 0.0)
            jacobian[:, index] += [scale * entry for entry in column]  # a joint and its mimics may share a column
        return jacobian

    def velocity_step(self, q: ArrayLike, displacement: ArrayLike, damping: float = DAMPING) -> FloatArray:
        """Return the joint step (n,) rad that moves the tip by about `displacement` d (3,) m: J' (J J' + damping² I)⁻¹ d."""
        return _damped(self.jacobian(q)[:3], np.asarray(displacement, dtype=np.float64), damping)

    def inverse(
        self,
        position: ArrayLike,
        q0: ArrayLike,
        lower: ArrayLike,
        upper: ArrayLike,
        damping: float = DAMPING,
        iterations: int = 100,
        tolerance_m: float = TOLERANCE_M,
        restarts: int = 8,
    ) -> FloatArray:
        """Return joint positions (n,) within lower..upper with the tip at `position` (3,) m, or as near as found.

        Damped least squares from q0. A search that does not arrive is repeated, at most `restarts` times, from postures
        spread over the limits in a fixed order, so equal calls give equal results. A position out of reach is not an
        error: compare `position(q)` with the requested one.
        """
        goal = np.asarray(position, dtype=np.float64)
        low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
        n = len(self.joint_names)
        for label, array, shape in (("position", goal, (3,)), ("lower", low, (n,)), ("upper", high, (n,))):
            if array.shape != shape:
                raise ValueError(f"{label} must have shape {shape}, got {array.shape}")
        start = np.clip(np.array(self._values(q0)), low, high)
        best: FloatArray = start
        best_distance = math.inf
        for attempt in range(restarts + 1):
            first = start if attempt == 0 else _spread(attempt, start, low, high)
            q, distance = self._descend(goal, first, low, high, damping, iterations, tolerance_m)
            if distance < best_distance:
                best, best_distance = q, distance
            if distance <= tolerance_m:
                break
        return best

    def _descend(
        self,
        goal: FloatArray,
        q: FloatArray,
        low: FloatArray,
        high: FloatArray,
        damping: float,
        iterations: int,
        tolerance_m: float,
    ) -> tuple[FloatArray, float]:
        """Return the best posture of a descent from q, and its distance from the goal (m)."""
        best, best_distance = q, math.inf
        last_gain, gained_from = 0, math.inf
        for iteration in range(iterations + 1):
            error = goal - self.position(q)
            distance = math.sqrt(float(error @ error))
            if distance < best_distance:
                best, best_distance = q, distance
            if distance < gained_from - LEAST_GAIN_M:
                last_gain, gained_from = iteration, distance
            if distance <= tolerance_m or iteration - last_gain > PATIENCE:
                break
            nearness = min(1.0, distance / MAX_STEP_M)
            if distance > MAX_STEP_M:
                error *= MAX_STEP_M / distance
            # Damping that decreases with the error converges fast at the end (Sugihara, IEEE Trans. Robotics 27(5), 2011).
            q = self._step_within(q, error, low, high, damping * nearness + LEAST_DAMPING)
        return best, best_distance

    def _step_within(
        self, q: FloatArray, displacement: FloatArray, low: FloatArray, high: FloatArray, damping: float
    ) -> FloatArray:
        """Return q after one step within the limits.

        A joint at a limit that would move beyond it is excluded, the worst first, and the step is solved again with the
        others. Clipping alone would lose the contribution of this joint, and the search would stall.
        """
        jacobian = self.jacobian(q)[:3]
        step = _damped(jacobian, displacement, damping)
        for _ in range(len(q)):
            stuck = ((q <= low + AT_LIMIT) & (step < 0.0)) | ((q >= high - AT_LIMIT) & (step > 0.0))
            if not stuck.any():
                break
            jacobian[:, np.argmax(np.where(stuck, np.abs(step), 0.0))] = 0.0
            step = _damped(jacobian, displacement, damping)
        return np.clip(q + step, low, high)

    def _values(self, q: ArrayLike) -> list[float]:
        values: list[float] = np.asarray(q, dtype=np.float64).tolist()
        if not isinstance(values, list) or len(values) != len(self.joint_names):
            raise ValueError(f"q must have shape ({len(self.joint_names)},) for {self.joint_names}, got {np.shape(q)}")
        return values

    def _walk(self, values: list[float]) -> tuple[Pose, list[tuple[bool, int, float, Vector3, Vector3]]]:
        """Return the tip pose and, for each motion: whether it turns, joint index, scale, axis and origin in the root frame."""
        here: Pose = (IDENTITY, ORIGIN)
        motions = []
        for rotation, tx, ty, tz, code, index, scale, offset in self._folded:
            here = compose(here, (rotation or IDENTITY, (tx, ty, tz)))
            value = scale * values[index] + offset
            axis = _AXES[code]
            motions.append((code != _SLIDE, index, scale, rotate(here[0], axis), here[1]))
            if code == _SLIDE:
                here = compose(here, (IDENTITY, (0.0, 0.0, value)))
            else:
                here = (multiply(here[0], rotation_about(axis, value)), here[1])
        return compose(here, self._end), motions


_AXES: tuple[Vector3, ...] = ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def _damped(jacobian: FloatArray, displacement: FloatArray, damping: float) -> FloatArray:
    gram = jacobian @ jacobian.T
    gram[(0, 1, 2), (0, 1, 2)] += damping * damping
    return np.asarray(jacobian.T @ np.linalg.solve(gram, displacement))


def _spread(k: int, around: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the k-th of a sequence of postures that fills the limits evenly; an unlimited joint gets one turn about `around`.

    The sequence adds powers of the root of x^(n+1) = x + 1, modulo 1 (Roberts, "The Unreasonable Effectiveness of
    Quasirandom Sequences", 2018).
    """
    n = len(around)
    root = 1.5
    for _ in range(50):
        root = (1.0 + root) ** (1.0 / (n + 1))
    fractions = np.array([(0.5 + k * root ** -(j + 1)) % 1.0 for j in range(n)])
    first = np.where(np.isfinite(low), low, around - math.pi)
    last = np.where(np.isfinite(high), high, around + math.pi)
    spread: FloatArray = first + fractions * (last - first)
    return spread


def _fold(segments: Sequence[Segment]) -> tuple[tuple[_Folded, ...], Pose]:
    """Combine fixed poses, and align every axis with x, y or z, so that a step computes only the motions."""
    folded: list[_Folded] = []
    pending: Pose = (IDENTITY, ORIGIN)
    for segment in segments:
        pending = compose(pending, segment.pose)
        if segment.kind == "fixed":
            continue
        code, sign, align = _aligned(segment.axis, segment.kind)
        rotation, translation = compose(pending, (align, ORIGIN))
        folded.append(
            (
                None if rotation == IDENTITY else rotation,
                *translation,
                code,
                segment.index,
                sign * segment.scale,
                sign * segment.offset,
            )
        )
        pending = (_transpose(align), ORIGIN)
    return tuple(folded), pending


def _aligned(axis: Vector3, kind: str) -> tuple[int, float, Matrix3]:
    """Return the motion's code and sign, and a rotation that takes the x, y or z axis of the code to `axis`."""
    if kind == "turn":
        for code in (_X, _Y, _Z):
            for sign in (1.0, -1.0):
                if all(a == sign * b for a, b in zip(axis, _AXES[code], strict=True)):
                    return code, sign, IDENTITY
    return (_Z if kind == "turn" else _SLIDE), 1.0, _z_to(axis)


def _z_to(axis: Vector3) -> Matrix3:
    """Return a rotation that takes z to the unit `axis`."""
    x, y, z = axis
    across = math.hypot(x, y)
    if across == 0.0:
        return IDENTITY if z > 0.0 else rotation_about((1.0, 0.0, 0.0), math.pi)
    return rotation_about((-y / across, x / across, 0.0), math.atan2(across, z))


def _transpose(a: Matrix3) -> Matrix3:
    return (a[0], a[3], a[6], a[1], a[4], a[7], a[2], a[5], a[8])
