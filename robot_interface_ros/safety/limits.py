"""The limits that no command crosses: which commands are taken at all, and how fast targets may move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robot_interface_ros.config import unknown_name
from robot_interface_ros.errors import CommandRejected
from robot_interface_ros.robot import Array, Command
from robot_interface_ros.urdf.robot_model import JointLimits


def command_indices(names: Sequence[str], position: Array, joint_names: tuple[str, ...]) -> list[int]:
    """Check a whole command and return where its joints stand in `joint_names`.

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
"""A target is at most so far from where the joint was measured, in seconds of the joint's top speed."""
SILENCE_S = 0.3
"""A robot without a command for so long holds (docs/robot_contract.md)."""
_FAR = 1e6  # rad or m: what a joint without limits may still travel


class TargetLimiter:
    """Moves joint targets towards what is commanded within position, velocity and acceleration limits.

    Both sides of the topics run this same code on the same numbers, so both know what is really executed. A target
    brakes in time for its position limits; a command that stops short while the joint moves fast is overshot by no
    more than braking at `max_acceleration` takes.
    """

    def __init__(self, limits: JointLimits, max_acceleration: Array, period_s: float):
        """`max_acceleration`: `(n_joints,)` rad/s^2; `period_s`: time between two calls of `step`."""
        self._names, self._lower, self._upper = limits.names, limits.lower, limits.upper
        self.max_step = limits.velocity * period_s
        """`(n_joints,)` rad that a target moves at most in one period."""
        self._brake = max_acceleration * period_s * period_s  # how much a step may change from one period to the next
        self.restart(np.zeros(len(limits.names)))

    def restart(self, target: Array, step: Array | None = None) -> None:
        """Go on from `target`, rad, without a ramp: for a robot that stands there already.

        `step`: how far its last period moved it, rad; None: it stands.
        """
        self.target = self._commanded = _frozen(np.clip(target, self._lower, self._upper))
        self._step = np.zeros_like(self.target) if step is None else np.clip(step, -self.max_step, self.max_step)

    def accept(self, command: Command) -> None:
        """Check the whole command and make it what `step` moves towards; joints not named keep their command.

        Raises CommandRejected, and changes nothing, as `command_indices` says.
        """
        names, position = command.names, command.position
        if names == self._names and position.shape == self.target.shape and np.isfinite(position).all():
            self._commanded = position.copy()
        else:
            indices = command_indices(names, position, self._names)
            self._commanded = self._commanded.copy()
            self._commanded[indices] = position

    def step(self) -> Array:
        """Return the next target, `(n_joints,)` rad, one period on the way to what was accepted last, and remember it."""
        return self._advance(np.minimum(np.maximum(self._commanded - self.target, -self.max_step), self.max_step))

    def approach(self, goal: Array) -> bool:
        """Take one period on the way to `goal`, rad, braking in time to stop there; return whether that is done.

        From a stand it is reached without overshoot, each joint as fast as its limits allow (a trapezoid of speed).
        """
        self._commanded = goal
        way = goal - self.target
        most = np.minimum(self._stoppable(np.abs(way)), self.max_step)
        self._advance(np.minimum(np.maximum(way, -most), most))
        return not self.moving and bool((self.target == np.clip(goal, self._lower, self._upper)).all())

    def forget(self) -> None:
        """Forget what was commanded: joints that the next command does not name come to a stand."""
        self._commanded = self.target

    def brake(self) -> Array:
        """Forget what was commanded; return the next target on the shortest way to a stand, `(n_joints,)` rad."""
        self.forget()
        return self._advance(np.zeros_like(self.target))

    def brake_instead(self, target: Array, step: Array) -> Array:
        """Take back the last period, which began at `target` after a `step`, both rad, and brake in it; the next target."""
        self.restart(target, step)
        return self.brake()

    @property
    def step_taken(self) -> Array:
        """How far the last period moved the target, `(n_joints,)` rad."""
        return self._step

    @property
    def stop(self) -> Array:
        """Where the target comes to a stand if it brakes from now on, `(n_joints,)` rad.

        A step s loses b = a * period^2 a period: (s - b) + ... + (s - k b) = k s - b k (k + 1) / 2, k the whole part of s / b.
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
        """Move by what acceleration and position limits leave of `step`, rad."""
        target, brake = self.target, self._brake
        step = np.minimum(np.maximum(step, self._step - brake), self._step + brake)
        step = np.minimum(
            np.maximum(step, -self._stoppable(target - self._lower)), self._stoppable(self._upper - target)
        )
        self.target = _frozen(np.minimum(np.maximum(target + step, self._lower), self._upper))
        self._step = self.target - target
        return self.target

    def _stoppable(self, room: Array) -> Array:
        """Largest step from which the target can still stop within `room`, rad.

        Braking loses b = a * period^2 a period: s + (s - b) + ... + (s - k b) = (k + 1) s - b k (k + 1) / 2 <= room, with the
        largest k for which k steps of braking fit at all, b k (k + 1) / 2 <= room.
        """
        brake = self._brake
        room = np.minimum(room, _FAR)
        k = np.floor(0.5 * np.sqrt(1.0 + 8.0 * room / brake) - 0.5)
        return room / (k + 1.0) + 0.5 * brake * k


class PresumedTarget:
    """The commands within the limits that robot and trainer share, never far from where the joints are measured.

    So a robot that was stopped, held up or moved by hand goes on from about where it is, whatever was commanded meanwhile,
    and one whose joints stay a little behind their commands is still moved by small steps.
    """

    def __init__(self, limiter: TargetLimiter, velocity: Array):
        """`limiter`: of the robot's limits; `velocity`: `(n_joints,)` top speeds, rad/s."""
        self._limiter, self._most = limiter, np.maximum(velocity * LAG_S, limiter.max_step)

    def restart(self, target: Array) -> None:
        """Stand at `target`, `(n_joints,)` rad."""
        self._limiter.restart(target)

    def accept(self, command: Command, silence_s: float) -> None:
        """Move towards a command from now on; `silence_s`: time since the command before. Raises CommandRejected."""
        if silence_s > SILENCE_S:  # it has come to a stand
            self._limiter.restart(self._limiter.target)
        self._limiter.accept(command)

    def step(self, measured: Array) -> Array:
        """Return the target one period later, `(n_joints,)` rad, where the joints were measured at `measured`, rad."""
        target = self._limiter.step()
        near = np.minimum(np.maximum(target, measured - self._most), measured + self._most)
        if (near != target).any():
            self._limiter.restart(near)
        return self._limiter.target


def _frozen(array: Array) -> Array:
    """What leaves here is shared with observations: nobody else may move a target."""
    array.setflags(write=False)
    return array
