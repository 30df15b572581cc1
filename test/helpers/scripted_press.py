"""A scripted policy that presses buttons, with the same action limits as a learned policy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from robot_interface_ros.robot import Array

_ABOVE = np.array([-0.08, 0.0, 0.20])  # from here the way down is free: nearer to the robot, and higher
_INTO = np.array([0.0, 0.0, -0.03])
_LONGEST_STEP_M = 0.03  # beyond it an arm is no longer nearly linear
_ARRIVED_M = 0.04


class ScriptedPress:
    """Moves the hand above the target, then down until a press counts, then up again, repeatedly.

    It uses damped least squares, and follows a moving target. Any part of the hand may press.
    """

    def __init__(self, arm: Arm, period_s: float):
        self._arm, self._max_step = arm, arm.velocity * period_s
        self.restart()

    def restart(self) -> None:
        """Begin an episode."""
        self._down, self._presses = False, 0.0

    def act(self, step_state: StepState) -> NDArray[np.float32]:
        """Return an action in [-1, 1] per joint of the arm."""
        signals, observation = step_state.observation.signals, step_state.observation
        presses = signals.get("presses", 0.0)  # in a world without buttons it goes down and stays there
        if presses > self._presses:
            self._down, self._presses = False, presses
        elif np.linalg.norm(step_state.to_target + _ABOVE) < _ARRIVED_M:
            self._down = True
        goal = observation.target_position + (_INTO if self._down else _ABOVE)
        posture = observation.joint_target[self._arm.indices]
        return (self._step_towards(goal, posture) / self._max_step).astype(np.float32)

    def _step_towards(self, goal: Array, posture: Array) -> Array:
        """Return the step of the joints, rad, limited by the slowest joint."""
        way = goal - self._arm.chain.position(posture)
        way *= min(1.0, _LONGEST_STEP_M / max(float(np.linalg.norm(way)), 1e-9))
        step = self._arm.chain.velocity_step(posture, way)
        return np.asarray(step / max(1.0, float(np.max(np.abs(step) / self._max_step))))
