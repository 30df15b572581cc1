"""Action: the hand's velocity in space."""

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
"""InMoov's hand can reach this speed in all directions in most of its workspace, with the joints' real top speeds."""


@dataclass(frozen=True)
class EndEffectorSettings:
    """Settings of actions that move the hand in space."""

    speed_m_s: float = option(
        SPEED_M_S, "speed of the hand for action 1 along an axis, m/s", minimum=0.001, maximum=10.0
    )
    force_down: bool = option(False, "turn upward motions into downward ones, for pressing buttons")


class EndEffectorAction(BoxAction):
    """
    | index | name | unit | -1 .. 1 |
    |---|---|---|---|
    | 0 | the hand's velocity along x of the root frame | `speed_m_s` | backwards .. forwards |
    | 1 | along y | `speed_m_s` | right .. left |
    | 2 | along z | `speed_m_s` | down .. up |

    Inverse kinematics converts it to joint targets (`hand_motion.py`). If the joints are too slow, the hand moves in the same
    direction, but more slowly. With `force_down`, positive values of index 2 mean down as well.
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
