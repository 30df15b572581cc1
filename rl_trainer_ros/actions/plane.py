"""Action: the hand's velocity in the robot's arena."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_trainer_ros.actions.action import BoxAction
from rl_trainer_ros.actions.end_effector import SPEED_M_S
from rl_trainer_ros.actions.hand_motion import HandMotion
from rl_trainer_ros.arm.arm import Arm
from robot_interface_ros.config import option
from robot_interface_ros.robot import Array, Observation

WALL = 0.05
"""Distance beyond the arena's edge where the hand stops, as a share of the half width. So tasks can detect a bump."""


@dataclass(frozen=True)
class PlaneSettings:
    """Settings of actions that move the hand in the arena."""

    speed_m_s: float = option(
        SPEED_M_S, "speed of the hand for action 1 along an axis, m/s", minimum=0.001, maximum=10.0
    )


class PlaneAction(BoxAction):
    """
    | index | name | unit | -1 .. 1 |
    |---|---|---|---|
    | 0-1 | the hand's velocity along x, y of the root frame | `speed_m_s` | backwards .. forwards, right .. left |

    The speed is the same in every direction: a vector longer than 1 is shortened to 1. The hand stays at the arena's height.
    It can go beyond the arena's edge by up to 5 % of the half width; tasks call this a bump.
    """

    Settings = PlaneSettings
    summary = "velocity of the hand in the arena's plane"
    needs = ("arena",)

    def __init__(self, arm: Arm, period_s: float, settings: Any = None):
        super().__init__(arm, period_s, settings)
        self._hand = HandMotion(arm, period_s)
        self._max_step_m = self.settings.speed_m_s * period_s
        arena = arm.arena
        centre, reach = np.array(arena.centre), np.array((1.0, 1.0, 0.0)) * arena.half_width * (1.0 + WALL)
        self._low, self._high = centre - reach, centre + reach
        self._label(("x", "y"))

    def apply(self, motion: Array, observation: Observation) -> Array:
        """See Action."""
        targets = observation.joint_target.copy()
        q = targets[self.arm.indices]
        hand = self.arm.chain.position(q)
        goal = hand.copy()
        goal[:2] += motion * (self._max_step_m / max(1.0, math.hypot(*motion)))
        displacement = np.minimum(np.maximum(goal, self._low), self._high) - hand
        back = float(np.abs(displacement).max())  # a hand outside of the arena may have a long way back
        if back > self._max_step_m:
            displacement *= self._max_step_m / back
        targets[self.arm.indices] = self._hand.step(q, displacement)
        return targets
