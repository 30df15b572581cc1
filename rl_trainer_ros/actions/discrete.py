"""Discrete actions: each is a motion along one axis, in one of both directions."""

from __future__ import annotations

import operator
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from rl_trainer_ros.actions.action import Action, BoxAction
from rl_trainer_ros.actions.end_effector import EndEffectorAction, EndEffectorSettings
from rl_trainer_ros.actions.joint_velocity import JointVelocityAction
from rl_trainer_ros.actions.plane import PlaneAction, PlaneSettings
from rl_trainer_ros.arm.arm import Arm
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array, Observation


class DiscreteAction(Action):
    """Action 2 i sets component i of a continuous action to 1, action 2 i + 1 to -1; all others are 0."""

    discrete = True
    continuous: ClassVar[type[BoxAction]]
    """The continuous action whose components are set."""

    def __init__(self, arm: Arm, period_s: float, settings: Any = None):
        super().__init__(arm, period_s, settings)
        self._base = self.continuous(arm, period_s, self.settings)
        n = len(self._base.labels)
        self._motions = np.stack([np.eye(n), -np.eye(n)], axis=1).reshape(2 * n, n)
        self.labels = tuple(f"{sign}{label}" for label in self._base.labels for sign in "+-")
        self.space = spaces.Discrete(2 * n)

    def motion(self, action: Any) -> Array:
        """See Action."""
        try:
            number = operator.index(np.asarray(action).item())
        except (TypeError, ValueError):
            number = -1
        if not 0 <= number < len(self._motions):
            raise RobotError(f"action is {action!r}; expected 0 to {len(self._motions) - 1}: {', '.join(self.labels)}")
        return np.array(self._motions[number])

    def apply(self, motion: Array, observation: Observation) -> Array:
        """See Action."""
        return self._base.apply(motion, observation)


class DiscreteJointAction(DiscreteAction):
    """
    | action | meaning |
    |---|---|
    | 2 i, 2 i + 1 | the target of joint i moves forwards, backwards at its top speed; all others stay |
    """

    summary = "one joint forwards or backwards"
    continuous = JointVelocityAction


class DiscreteEndEffectorAction(DiscreteAction):
    """
    | action | meaning |
    |---|---|
    | 0, 1 | the hand moves along +x, -x of the root frame |
    | 2, 3 | +y, -y |
    | 4, 5 | +z, -z; with `force_down` both mean -z |
    """

    Settings = EndEffectorSettings
    summary = "six moves of the hand: +-x, +-y, +-z"
    continuous = EndEffectorAction


class DiscretePlaneAction(DiscreteAction):
    """
    | action | meaning |
    |---|---|
    | 0, 1 | the hand moves along +x, -x of the root frame, in the arena's plane |
    | 2, 3 | +y, -y |
    """

    Settings = PlaneSettings
    summary = "four moves of the hand in the arena's plane: +-x, +-y"
    needs = ("arena",)
    continuous = PlaneAction
