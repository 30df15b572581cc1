"""Checks of commands, and limits of position, velocity and acceleration for joint targets."""

from __future__ import annotations

import math
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


def stoppable(room: float, brake: float) -> float:
    """Return the largest step of a target, rad in one period, from which it can still stop within `room`, rad.

    `brake`: largest change b = a * period^2 of the step from one period to the next, rad. A step s shrinks by b each
    period: s + (s - b) + ... + (s - k b) = (k + 1) s - b k (k + 1) / 2 <= room, with the largest k for which k periods of
    braking fit into the room: b k (k + 1) / 2 <= room.
    """
    room = min(room, _FAR)
    k = (0.5 * math.sqrt(1.0 + 8.0 * room / brake) - 0.5) // 1.0  # NaN stays NaN, and is refused as a command
    return room / (k + 1.0) + 0.5 * brake * k


class TargetLimiter:
    """Moves joint targets towards the command, within limits of position, velocity and acceleration.

    Trainer and robot run this code on the same numbers, so both know the same joint targets. A target brakes in time
    for its position limits. If a command asks for a stop while the joint moves fast, the target overshoots by at most the
    braking distance at `max_acceleration`.

    It runs in each period, so it is plain Python: for the five joints of an arm, NumPy's calls take five times as long.
    """

    def __init__(self, limits: JointLimits, max_acceleration: Array, period_s: float):
        """`max_acceleration`: `(n_joints,)` rad/s^2; `period_s`: time between two calls of `step`."""
        self._names = limits.names
        self.max_step = limits.velocity * period_s
        """`(n_joints,)` largest motion of a target in one period, rad."""
        # The largest change of the step from one period to the next.
        self._brake: list[float] = (max_acceleration * period_s * period_s).tolist()
        self._most: list[float] = self.max_step.tolist()
        self._lower: list[float] = limits.lower.tolist()
        self._upper: list[float] = limits.upper.tolist()
        self.restart(np.zeros(len(limits.names)))

    def restart(self, target: Array, step: Array | None = None) -> None:
        """Continue from `target`, rad, without a ramp: for a robot that is already there.

        `step`: its motion in the last period, rad; None: it is standing still.
        """
        self.target = _frozen(np.clip(target, self._lower, self._upper))
        """`(n_joints,)` rad, read-only."""
        self._commanded: list[float] = self.target.tolist()
        self._step: list[float] = [0.0] * len(self._names)
        if step is not None:
            self._step = np.clip(step, -self.max_step, self.max_step).tolist()

    def accept(self, command: Command) -> None:
        """Check the whole command and keep it for `step`; joints that are not named keep their last command.

        Raises CommandRejected as `command_indices` does; then nothing changes.
        """
        names, position = command.names, command.position.tolist()
        # One sum checks all numbers, because NaN and infinity stay in it; of huge ones, the slow check decides.
        if names == self._names and command.position.shape == self.target.shape and math.isfinite(sum(position)):
            self._commanded = position
        else:
            indices = command_indices(names, command.position, self._names)
            commanded = list(self._commanded)
            for index, value in zip(indices, position):
                commanded[index] = value
            self._commanded = commanded

    def step(self) -> Array:
        """Move one period towards the accepted command and return the new target, `(n_joints,)` rad."""
        ways = zip(self._commanded, self.target.tolist(), self._most)
        return self._advance([min(max(goal - target, -most), most) for goal, target, most in ways])

    def approach(self, goal: Array) -> bool:
        """Move one period towards `goal`, rad, and brake in time to stop there; return whether all joints have arrived.

        From standstill there is no overshoot, and each joint is as fast as its limits allow (trapezoidal speed profile).
        """
        self._commanded = goal.tolist()
        steps = []
        for way, brake, most in zip((goal - self.target).tolist(), self._brake, self._most):
            most = min(stoppable(abs(way), brake), most)
            steps.append(min(max(way, -most), most))
        self._advance(steps)
        return not self.moving and bool((self.target == np.clip(goal, self._lower, self._upper)).all())

    def forget(self) -> None:
        """Drop the command: joints that the next command does not name come to a stop."""
        self._commanded = self.target.tolist()

    def brake(self) -> Array:
        """Drop the command and brake for one period; return the new target, `(n_joints,)` rad."""
        self.forget()
        return self._advance([0.0] * len(self._names))

    def brake_instead(self, target: Array, step: Array) -> Array:
        """Undo the last period, which began at `target` after a motion `step`, rad; brake instead. Arrays are `(n_joints,)`."""
        self.restart(target, step)
        return self.brake()

    @property
    def step_taken(self) -> Array:
        """Motion of the target in the last period, `(n_joints,)` rad."""
        return np.array(self._step, dtype=np.float64)

    @property
    def stop(self) -> Array:
        """Position at which the target stops if it brakes from now on, `(n_joints,)` rad.

        A step s shrinks by b = a * period^2 each period:
        (s - b) + ... + (s - k b) = k s - b k (k + 1) / 2, with k = floor(s / b).
        """
        step, brake = self.step_taken, np.array(self._brake)
        speed = np.abs(step)
        k = np.floor(speed / brake)
        way = k * speed - brake * k * (k + 1.0) / 2.0
        stop: Array = np.clip(self.target + np.sign(step) * way, self._lower, self._upper)
        return stop

    @property
    def moving(self) -> bool:
        """Whether the last step moved any target."""
        return any(self._step)

    def _advance(self, steps: list[float]) -> Array:
        """Move each joint by its step, rad, as far as the limits of acceleration and position allow."""
        targets, taken = [], []
        joints = zip(steps, self.target.tolist(), self._step, self._brake, self._lower, self._upper)
        for step, target, last, brake, lower, upper in joints:
            if step > last + brake:
                step = last + brake
            elif step < last - brake:
                step = last - brake
            if step > 0.0:
                step = min(step, stoppable(upper - target, brake))
            elif step < 0.0:
                step = max(step, -stoppable(target - lower, brake))
            moved = target + step
            if moved > upper:
                moved = upper
            elif moved < lower:
                moved = lower
            targets.append(moved)
            taken.append(moved - target)
        self.target, self._step = _frozen(np.array(targets)), taken
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
