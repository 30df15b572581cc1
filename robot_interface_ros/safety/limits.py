"""Checks of commands, and limits of position, velocity and acceleration for joint targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robot_interface_ros.config import unknown_name
from robot_interface_ros.errors import CommandRejected
from robot_interface_ros.robot import Array, Command
from robot_interface_ros.urdf.elements import JointLimits


def command_indices(names: Sequence[str], position: Array, joint_names: tuple[str, ...]) -> list[int]:
    """Check a whole command and return the indices of its joints in `joint_names`.

    Raises CommandRejected for a wrong length, an unknown (or mimic, or fixed) joint, a joint named twice, NaN or infinity.
    """
    if len(names) != len(position):
        raise CommandRejected(f"{len(names)} joint names but {len(position)} positions; both must have the same length")
    index = {name: i for i, name in enumerate(joint_names)}
    for name in names:
        if name not in index:
            raise CommandRejected(unknown_name("joint", name, joint_names))
    if len(set(names)) != len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise CommandRejected(f"joint '{twice}' is named twice; name each joint at most once")
    for name, value in zip(names, position):
        if not np.isfinite(value):
            raise CommandRejected(f"position of joint '{name}' is {value}; send finite numbers, rad")
    return [index[name] for name in names]


LAG_S = 0.5
"""Largest distance of a target from the measured position, in seconds at the joint's top speed."""
SILENCE_S = 0.3
"""Time without a command after which a robot holds (docs/robot_contract.md)."""
_FAR = 1e6  # rad or m: the distance assumed to the limits of a joint without limits


def stoppable(room: Array, brake: Array) -> Array:
    """Return the largest step of a target, rad in one period, from which it can still stop within `room`, `(..., n)` rad.

    `brake`: `(n,)`, largest change b = a * period^2 of the step from one period to the next, rad. A step s shrinks by b each
    period: s + (s - b) + ... + (s - k b) = (k + 1) s - b k (k + 1) / 2 <= room, with the largest k for which k periods of
    braking fit into the room: b k (k + 1) / 2 <= room.
    """
    room = np.minimum(room, _FAR)
    k = np.floor(0.5 * np.sqrt(1.0 + 8.0 * room / brake) - 0.5)
    largest: Array = room / (k + 1.0) + 0.5 * brake * k
    return largest


class TargetLimiter:
    """Moves joint targets towards the command, within limits of position, velocity and acceleration.

    Trainer and robot run this code on the same numbers, so both know the same joint targets. A target brakes in time
    for its position limits. If a command asks for a stop while the joint moves fast, the target overshoots by at most the
    braking distance at `max_acceleration`.
    """

    def __init__(self, limits: JointLimits, max_acceleration: Array, period_s: float):
        """`max_acceleration`: `(n_joints,)` rad/s^2; `period_s`: time between two calls of `step`."""
        self._names, self._lower, self._upper = limits.names, limits.lower, limits.upper
        self.max_step = limits.velocity * period_s
        """`(n_joints,)` largest motion of a target in one period, rad."""
        self._brake = max_acceleration * period_s * period_s  # largest change of the step from one period to the next
        self._room = np.empty((2, len(limits.names)))
        self._below, self._above = self._room
        self.restart(np.zeros(len(limits.names)))

    def restart(self, target: Array, step: Array | None = None) -> None:
        """Continue from `target`, rad, without a ramp: for a robot that is already there.

        `step`: its motion in the last period, rad; None: it is standing still.
        """
        self.target = self._commanded = _frozen(np.clip(target, self._lower, self._upper))
        self._step = np.zeros_like(self.target) if step is None else np.clip(step, -self.max_step, self.max_step)

    def accept(self, command: Command) -> None:
        """Check the whole command and keep it for `step`; joints that are not named keep their last command.

        Raises CommandRejected as `command_indices` does; then nothing changes.
        """
        names, position = command.names, command.position
        if names == self._names and position.shape == self.target.shape and np.isfinite(position).all():
            self._commanded = position.copy()
        else:
            indices = command_indices(names, position, self._names)
            self._commanded = self._commanded.copy()
            self._commanded[indices] = position

    def step(self) -> Array:
        """Move one period towards the accepted command and return the new target, `(n_joints,)` rad."""
        return self._advance(np.minimum(np.maximum(self._commanded - self.target, -self.max_step), self.max_step))

    def approach(self, goal: Array) -> bool:
        """Move one period towards `goal`, rad, and brake in time to stop there; return whether all joints have arrived.

        From standstill there is no overshoot, and each joint is as fast as its limits allow (trapezoidal speed profile).
        """
        self._commanded = goal
        way = goal - self.target
        most = np.minimum(stoppable(np.abs(way), self._brake), self.max_step)
        self._advance(np.minimum(np.maximum(way, -most), most))
        return not self.moving and bool((self.target == np.clip(goal, self._lower, self._upper)).all())

    def forget(self) -> None:
        """Drop the command: joints that the next command does not name come to a stop."""
        self._commanded = self.target

    def brake(self) -> Array:
        """Drop the command and brake for one period; return the new target, `(n_joints,)` rad."""
        self.forget()
        return self._advance(np.zeros_like(self.target))

    def brake_instead(self, target: Array, step: Array) -> Array:
        """Undo the last period, which began at `target` after a motion `step`, rad; brake instead. Arrays are `(n_joints,)`."""
        self.restart(target, step)
        return self.brake()

    @property
    def step_taken(self) -> Array:
        """Motion of the target in the last period, `(n_joints,)` rad."""
        return self._step

    @property
    def stop(self) -> Array:
        """Position at which the target stops if it brakes from now on, `(n_joints,)` rad.

        A step s shrinks by b = a * period^2 each period:
        (s - b) + ... + (s - k b) = k s - b k (k + 1) / 2, with k = floor(s / b).
        """
        speed = np.abs(self._step)
        k = np.floor(speed / self._brake)
        way = k * speed - self._brake * k * (k + 1.0) / 2.0
        return np.clip(self.target + np.sign(self._step) * way, self._lower, self._upper)

    @property
    def moving(self) -> bool:
        """Whether the last step moved any target."""
        return bool(self._step.any())

    def _advance(self, step: Array) -> Array:
        """Move by `step`, rad, as far as the limits of acceleration and position allow."""
        target, brake = self.target, self._brake
        step = np.minimum(np.maximum(step, self._step - brake), self._step + brake)
        np.subtract(target, self._lower, out=self._below)
        np.subtract(self._upper, target, out=self._above)
        down, up = stoppable(self._room, brake)  # both at once: numpy's calls cost more than its sums here
        step = np.minimum(np.maximum(step, -down), up)
        self.target = _frozen(np.minimum(np.maximum(target + step, self._lower), self._upper))
        self._step = self.target - target
        return self.target


class PresumedTarget:
    """The assumed joint target of a robot in real time that publishes none: its commands within its limits.

    It is never far from the measured positions. So a robot that was stopped, blocked or moved by hand continues from about
    its current position, whatever the commands were. Small steps still move a robot whose joints lag a little behind.
    """

    def __init__(self, limiter: TargetLimiter, velocity: Array):
        """`limiter`: with the robot's limits; `velocity`: `(n_joints,)` top speeds, rad/s."""
        self._limiter, self._most = limiter, np.maximum(velocity * LAG_S, limiter.max_step)

    def restart(self, target: Array) -> None:
        """Restart at standstill at `target`, `(n_joints,)` rad."""
        self._limiter.restart(target)

    def accept(self, command: Command, silence_s: float) -> None:
        """Move towards a command from now on; `silence_s`: time since the previous command. Raises CommandRejected."""
        if silence_s > SILENCE_S:  # the robot has stopped
            self._limiter.restart(self._limiter.target)
        self._limiter.accept(command)

    def step(self, measured: Array) -> Array:
        """Return the target one period later, `(n_joints,)` rad; `measured`: measured positions, rad."""
        target = self._limiter.step()
        near = np.minimum(np.maximum(target, measured - self._most), measured + self._most)
        if (near != target).any():
            self._limiter.restart(near)
        return self._limiter.target


def _frozen(array: Array) -> Array:
    """Make an array read-only: targets are shared with observations and must not be changed there."""
    array.setflags(write=False)
    return array
