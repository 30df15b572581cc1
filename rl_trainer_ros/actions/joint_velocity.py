"""Action: joint velocities."""

from __future__ import annotations

from typing import Any

from rl_trainer_ros.actions.action import BoxAction
from rl_trainer_ros.arm.arm import Arm
from robot_interface_ros.robot import Array, Observation


class JointVelocityAction(BoxAction):
    """
    | index | name | unit | -1 .. 1 |
    |---|---|---|---|
    | one per joint | velocity of the joint target | the joint's real top speed | backwards .. forwards |

    1 moves the joint target by the joint's real top speed times the period, starting from the executed target.
    """

    summary = "speed of every joint"

    def __init__(self, arm: Arm, period_s: float, settings: Any = None):
        super().__init__(arm, period_s, settings)
        self._indices = arm.moved
        self._max_step = arm.description.limits.velocity[arm.moved] * period_s
        self._label(arm.moved_names)

    def apply(self, motion: Array, observation: Observation) -> Array:
        """See Action."""
        targets = observation.joint_target.copy()
        targets[self._indices] += motion * self._max_step
        return targets
