"""Action: joint positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from rl_trainer_ros.actions.action import BoxAction
from rl_trainer_ros.arm.arm import Arm
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Array, Observation


class JointPositionAction(BoxAction):
    """
    | index | name | unit | -1 .. 1 |
    |---|---|---|---|
    | one per joint | position that the joint is sent to | half its range | lower limit .. upper limit |

    Joint targets are clipped to the limits of speed and acceleration, so the joint approaches the position at its real speed.
    """

    summary = "position of every joint, from limit to limit"

    def __init__(self, arm: Arm, period_s: float, settings: Any = None):
        super().__init__(arm, period_s, settings)
        self._indices = arm.moved
        limits = arm.description.limits
        lower, upper = limits.lower[arm.moved], limits.upper[arm.moved]
        for name, low, high in zip(arm.moved_names, lower, upper):
            if not np.isfinite(high - low):
                raise ConfigError(f"action joint_position: joint {name} has no position limits; use joint_velocity")
        self._middle, self._half = (lower + upper) / 2, (upper - lower) / 2
        self._label(arm.moved_names)

    def apply(self, motion: Array, observation: Observation) -> Array:
        """See Action."""
        targets = observation.joint_target.copy()
        targets[self._indices] = self._middle + motion * self._half
        return targets
