"""The hand's velocity in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_trainer_ros.actions.action import BoxAction
from rl_trainer_ros.actions.hand_motion import HandMotion
from rl_trainer_ros.arm.arm import Arm
from robot_interface_ros.config import option
from robot_interface_ros.robot import Array, Observation

SPEED_M_S = 0.15
"""InMoov's hand can do that in any direction in most of its workspace, at its joints' real speeds."""


@dataclass(frozen=True)
class EndEffectorSettings:
    """Settings of actions that move the hand in space."""

    speed_m_s: float = option(SPEED_M_S, "the hand's speed at 1 along an axis, m/s", minimum=0.001, maximum=10.0)
    force_down: bool = option(False, "whatever is asked for upwards goes downwards: for pressing buttons")


class EndEffectorAction(BoxAction):
    """
    | index | name | unit | -1 .. 1 |
    |---|---|---|---|
    | 0 | the hand's velocity along x of the root's frame | `speed_m_s` | backwards .. forwards |
    | 1 | along y | `speed_m_s` | right .. left |
    | 2 | along z | `speed_m_s` | down .. up |

    Inverse kinematics turns it into joint targets (`hand_motion.py`). Where the joints are too slow for it the hand goes the
    same way, slower. With `force_down` index 2 means down on both sides of 0.
    """

    Settings = EndEffectorSettings
    summary = "velocity of the hand in space"

    def __init__(self, arm: Arm, period_s: float, settings: Any = None):
        super().__init__(arm, period_s, settings)
        self._hand = HandMotion(arm, period_s)
        self._max_step_m = self.settings.speed_m_s * period_s
        self._label(("x", "y", "z"))

    def apply(self, motion: Array, observation: Observation) -> Array:
        """See Action."""
        displacement = motion * self._max_step_m
        if self.settings.force_down:
            displacement[2] = -abs(displacement[2])
        targets = observation.joint_target.copy()
        targets[self.arm.indices] = self._hand.step(targets[self.arm.indices], np.asarray(displacement))
        return targets
