"""A scripted policy: damped inverse kinematics with the same action limits as a learned policy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from robot_interface_ros.urdf.kinematics import TOLERANCE_M


class ScriptedReach:
    """Computes a posture that reaches the target, then moves every joint towards it at its top speed."""

    def __init__(self, arm: Arm, period_s: float):
        self._arm = arm
        self._max_step = arm.velocity * period_s
        self._target: NDArray[np.float64] | None = None
        self._goal = arm.rest

    def act(self, step_state: StepState) -> NDArray[np.float32]:
        """Return an action, `(n,)` in [-1, 1] for the joints of the arm."""
        observation = step_state.observation
        if self._target is None or not np.array_equal(self._target, observation.target_position):
            self._target = observation.target_position
            self._goal = self._posture(self._target, observation.position[self._arm.indices])
        way = self._goal - observation.joint_target[self._arm.indices]
        return np.clip(way / self._max_step, -1.0, 1.0).astype(np.float32)

    def _posture(self, target: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve from several start postures; return the solution that reaches the target and takes the least time."""
        arm = self._arm
        middle = (arm.lower + arm.upper) / 2
        margin = 0.02
        lower, upper = arm.lower + margin, arm.upper - margin
        candidates = [arm.chain.inverse(target, start, lower, upper)]
        arrived = np.linalg.norm(arm.chain.position(candidates[0]) - target) <= TOLERANCE_M
        more = {} if arrived else {"restarts": 0}  # out of reach from all over the limits: no start will arrive
        candidates += [arm.chain.inverse(target, q0, lower, upper, **more) for q0 in ((start + middle) / 2, middle)]

        def cost(q: NDArray[np.float64]) -> float:
            missed = float(np.linalg.norm(arm.chain.position(q) - target))
            return max(0.0, missed - 0.01) * 1e3 + float(np.max(np.abs(q - start) / self._max_step)) * 1e-2

        return min(candidates, key=cost)
