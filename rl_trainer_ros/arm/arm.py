"""The arm of a robot: its joints, their limits, the position of its hand, and the gaze of its eyes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

from rl_trainer_ros.arm.gaze import Gaze
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Array, Observation
from robot_interface_ros.robot_config import Arena, RobotDescription
from robot_interface_ros.urdf.kinematics import Chain


class Arm:
    """The kinematic chain from the robot's root to its end effector. Joint arrays `(n,)` are in the order of `names`.

    Actions in joint space move the joints `moved_names`: those of the chain, or all articulated joints. Observations show
    the joints `shown_names`: these, and those that turn the eyes.
    """

    def __init__(
        self,
        description: RobotDescription,
        all_joints: bool = False,
        gaze: Gaze | None = None,
        moves_gaze: bool = False,
    ):
        """`all_joints`: actions move all articulated joints, not only those that move the hand.

        `gaze`: eyes that look at a point, so actions do not move their joints, except with `moves_gaze`.
        """
        self.description, self.gaze = description, gaze
        self.chain: Chain = description.model.chain(description.config.end_effector)
        self.names = self.chain.joint_names
        if not self.names:
            config = description.config
            groups = ", ".join(config.groups)
            remedy = (
                f"choose another joint_group: {groups}, all"
                if config.articulated
                else f"name the groups that move in the robot file, articulated: [{groups}]"
            )
            raise ConfigError(
                f"robot {description.name}: no movable joint moves its end effector {config.end_effector}; {remedy}"
            )
        self.indices = description.model.index(self.names)
        looking = () if gaze is None else gaze.joint_names
        moved = description.joint_names if all_joints else self.names
        if moves_gaze:
            moved += tuple(name for name in looking if name not in moved)
        else:
            moved = tuple(name for name in moved if name not in looking)
        self.moved_names = moved
        self.moved = description.model.index(moved)
        self.shown_names = moved + tuple(name for name in looking if name not in moved)
        self.shown = description.model.index(self.shown_names)
        limits = description.limits
        self.lower, self.upper = limits.lower[self.indices], limits.upper[self.indices]
        self.velocity = limits.velocity[self.indices]
        self.rest = description.rest[self.indices]
        self._pick = itemgetter(*self.indices) if len(self.indices) > 1 else lambda values: (values[self.indices[0]],)

    def showing(self, names: Sequence[str]) -> Arm:
        """Return this arm with other joints in its observations, such as those of a policy trained with eyes at rest.

        Raises ConfigError if the robot does not articulate them.
        """
        for name in names:
            if name not in self.description.joint_names:
                raise ConfigError(
                    f"robot {self.description.name}: the policy observes joint {name}, which does not move here"
                )
        other = copy(self)
        other.shown_names, other.shown = tuple(names), self.description.model.index(tuple(names))
        return other

    @property
    def length(self) -> float:
        """Length from the first joint along all others to the end effector, m: the largest reach of the hand."""
        return self.description.model.reach(self.description.config.end_effector, self.description.rest)

    @property
    def arena(self) -> Arena:
        """The square for tasks in a plane. Raises ConfigError if the robot file has none."""
        arena = self.description.config.arena
        if arena is None:
            raise ConfigError(
                f"robot {self.description.name} has no arena, which tasks and actions in a plane need; add one to its "
                "file, such as arena: {centre: [0.25, -0.3, 1.1], half_width: 0.14}"
            )
        return arena

    def hand(self, position: Array) -> Array:
        """Return the end effector's position, `(3,)` m in the root frame; `position`: of all joints, `(n_joints,)` rad."""
        return self.chain.position(self._pick(position))


@dataclass(frozen=True)
class StepState:
    """An observation and values computed from it, once per step; task, observation and action share them."""

    observation: Observation
    hand: Array
    """Position of the end effector, `(3,)` m, root frame."""

    @cached_property
    def to_target(self) -> Array:
        """Vector from hand to target, `(3,)` m."""
        return self.observation.target_position - self.hand

    @cached_property
    def distance(self) -> float:
        """Distance between hand and target, m."""
        x, y, z = self.to_target.tolist()
        return math.sqrt(x * x + y * y + z * z)  # the same bits as NumPy's, in a tenth of the time
