"""What a robot in real time is taken to execute that does not publish its joint_target."""

from __future__ import annotations

import numpy as np

from robot_interface_ros.robot import Array, Command
from robot_interface_ros.safety.limits import TargetLimiter

LAG_S = 0.5
"""A target is at most so far from where the joint was measured, in seconds of the joint's top speed."""
SILENCE_S = 0.3
"""A robot without a command for so long holds (docs/robot_contract.md)."""


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
