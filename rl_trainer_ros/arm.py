"""The part of a robot that reaches: its joints, their limits and where its hand is."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from robot_interface_ros.kinematics import Chain
from robot_interface_ros.robot import Array, Observation
from robot_interface_ros.robot_config import RobotDescription


class Arm:
    """The kinematic chain from the robot's root to its end effector. Joint arrays `(n,)` are in the order of `names`."""

    def __init__(self, description: RobotDescription):
        self.description = description
        self.chain: Chain = description.model.chain(description.config.end_effector)
        self.names = self.chain.joint_names
        self.indices = description.model.index(self.names)
        limits = description.limits
        self.lower, self.upper = limits.lower[self.indices], limits.upper[self.indices]
        self.velocity = limits.velocity[self.indices]
        self.rest = description.rest[self.indices]
        self._pick = itemgetter(*self.indices) if len(self.indices) > 1 else lambda values: (values[self.indices[0]],)

    def hand(self, position: Array) -> Array:
        """Return the end effector's position, `(3,)` m in the root's frame, for all joint positions `(n_joints,)` rad."""
        return self.chain.position(self._pick(position))


@dataclass(frozen=True)
class Moment:
    """An observation and what follows from it; computed once a step and shared by task, observation and action."""

    observation: Observation
    hand: Array
    """End effector, `(3,)` m, root frame."""

    @property
    def to_target(self) -> Array:
        """From hand to target, `(3,)` m."""
        return self.observation.target_position - self.hand

    @property
    def distance(self) -> float:
        """Between hand and target, m."""
        return float(np.sqrt(np.square(self.to_target).sum()))
