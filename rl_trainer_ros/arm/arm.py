"""The part of a robot that reaches: its joints, their limits and where its hand is."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Array, Observation
from robot_interface_ros.robot_config import Arena, RobotDescription
from robot_interface_ros.urdf.kinematics import Chain


class Arm:
    """The kinematic chain from the robot's root to its end effector. Joint arrays `(n,)` are in the order of `names`.

    What an action in joint space moves, and an observation shows, are the joints `moved_names`: those of the chain, or all
    that are articulated.
    """

    def __init__(self, description: RobotDescription, all_joints: bool = False):
        """`all_joints`: actions move every articulated joint, not only those that move the hand."""
        self.description = description
        self.chain: Chain = description.model.chain(description.config.end_effector)
        self.names = self.chain.joint_names
        if not self.names:
            groups = ", ".join(name for name in description.config.groups)
            raise ConfigError(
                f"robot {description.name}: no joint that may move brings its end effector {description.config.end_effector} "
                f"anywhere; choose another joint_group: {groups}, all"
            )
        self.indices = description.model.index(self.names)
        self.moved_names = description.joint_names if all_joints else self.names
        self.moved = description.model.index(self.moved_names)
        limits = description.limits
        self.lower, self.upper = limits.lower[self.indices], limits.upper[self.indices]
        self.velocity = limits.velocity[self.indices]
        self.rest = description.rest[self.indices]
        self._pick = itemgetter(*self.indices) if len(self.indices) > 1 else lambda values: (values[self.indices[0]],)

    @property
    def length(self) -> float:
        """From the first joint of the chain along all others to the end effector, m: as far as the hand can be."""
        return self.description.model.reach(self.description.config.end_effector, self.description.rest)

    @property
    def arena(self) -> Arena:
        """Where tasks in a plane take place. Raises ConfigError where the robot's file has none."""
        arena = self.description.config.arena
        if arena is None:
            raise ConfigError(
                f"robot {self.description.name} has no arena, in which tasks and actions in a plane take place; add one to its "
                "file, such as arena: {centre: [0.25, -0.3, 1.1], half_width: 0.14}"
            )
        return arena

    def hand(self, position: Array) -> Array:
        """Return the end effector's position, `(3,)` m in the root's frame, for all joint positions `(n_joints,)` rad."""
        return self.chain.position(self._pick(position))


@dataclass(frozen=True)
class StepState:
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
