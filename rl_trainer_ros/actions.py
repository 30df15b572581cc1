"""Actions: what a policy's numbers mean for the joints."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm import Arm
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array, Observation


class JointVelocityAction:
    """One number in [-1, 1] per joint of the arm: 1 moves the joint's target by its real top speed times the period.

    Deltas start from the target that is really executed, so that nothing winds up behind a limit.
    """

    def __init__(self, arm: Arm, period_s: float):
        self._names, self._indices = arm.names, arm.indices
        self._max_step = arm.velocity * period_s
        self.space = spaces.Box(-1.0, 1.0, (len(arm.names),), np.float32)

    def targets(self, action: NDArray[np.floating], observation: Observation) -> Array:
        """Return targets of all joints, `(n_joints,)` rad. Raises RobotError for NaN or a wrong shape."""
        action = np.asarray(action, dtype=np.float64)
        if action.shape != self.space.shape:
            raise RobotError(f"action has shape {action.shape}; expected {self.space.shape}: {', '.join(self._names)}")
        if not np.isfinite(action).all():
            raise RobotError(f"action is {action.tolist()}; expected finite numbers in [-1, 1]. Did training diverge?")
        targets = observation.joint_target.copy()
        targets[self._indices] += np.minimum(np.maximum(action, -1.0), 1.0) * self._max_step
        return targets
