"""The robot protocol: what every robot is, in process or behind topics.

A caller resets, then repeats: `send` one command that carries the stamp of the observation it answers, `receive` the
observation that answers the command. Stamps are integer nanoseconds and serve as sequence numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.errors import RobotError

Array = NDArray[np.float64]
NO_IMAGES: Mapping[str, NDArray[np.uint8]] = MappingProxyType({})
NO_DEPTHS: Mapping[str, NDArray[np.float32]] = MappingProxyType({})
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Observation:
    """One moment of one robot. Joint arrays are `(n_joints,)` float64 in the order of the robot's `joint_names`."""

    stamp: int
    """Time of the observation, integer nanoseconds; identifies it."""
    position: Array
    """Joint positions, rad."""
    velocity: Array
    """Joint velocities, rad/s."""
    effort: Array
    """Joint efforts, N·m."""
    target_position: Array
    """`(3,)` where the target is, m, in the robot's root frame."""
    joint_target: Array
    """Joint positions that are really being executed after all limits, rad. Deltas start from here."""
    images: Mapping[str, NDArray[np.uint8]] = field(default_factory=lambda: NO_IMAGES)
    """Camera name -> `(height, width, 3)` uint8 rgb."""
    srl_state: Array | None = None
    """`(state_dim,)` encoded state of an image with this stamp, where an encoder runs beside the robot."""
    depths: Mapping[str, NDArray[np.float32]] = field(default_factory=lambda: NO_DEPTHS)
    """Camera name -> `(height, width)` float32, m along the optical axis."""
    contact: Array | None = None
    """`(6,)` force (N) and torque (N·m) on the end effector, root frame's axes; None where the robot feels nothing."""
    signals: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    """What the world senses, by name, such as `button_0` (1 while pressed) or `table_contact`."""
    drawn: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """What was drawn at random for this episode (imperfections), by name; in an episode's first observation only."""
    timing: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """In real time, behind topics: how old everything is and how punctual the steps are (docs/real_time.md)."""


@dataclass(frozen=True, slots=True)
class Command:
    """Position targets for joints by name; joints that are not named keep their target."""

    stamp: int
    """Stamp of the observation that this command answers."""
    names: tuple[str, ...]
    position: Array
    """`(len(names),)` float64, rad."""


@dataclass(frozen=True, slots=True)
class Episode:
    """What makes one episode differ from another; an episode is a function of this, the configuration and the commands."""

    seed: int = 0
    target: tuple[float, float, float] | None = None
    """Target position in the robot's root frame, m; None leaves it to the robot."""


ResetEnd = Callable[[Observation | RobotError], None]
"""Is told how a reset has ended: with the first observation of the episode, or why not."""


class Robot(Protocol):
    """Anything that can be reset, commanded and observed."""

    joint_names: tuple[str, ...]
    period_ns: int
    """Control period, integer nanoseconds."""

    def reset(self, episode: Episode) -> Observation:
        """Go to the rest pose and start an episode. Raises RobotError when it cannot."""

    def send(self, command: Command) -> None:
        """Give the next command. Raises CommandRejected, and applies nothing of it, when it is not a valid one."""

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Return the observation that answers the last command, waiting at most `timeout_s` (None: the robot's own bound).

        Raises RobotTimeout when none came and RobotInterrupted when the episode was cut from outside.
        """

    def close(self) -> None:
        """Release everything; safe to call twice."""


def layer_with(robot: object, attribute: str) -> Any:
    """Return the outermost layer of a robot that has an attribute; None where none has.

    A robot that wraps another one has it as its `plant`: limits wrap imperfections, and those the simulation.
    """
    while robot is not None and not hasattr(robot, attribute):
        robot = getattr(robot, "plant", None)
    return robot
