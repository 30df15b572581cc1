"""The protocol of every robot, in process or over topics.

A client resets the robot, then repeats: `send` a command with the stamp of the last observation, `receive` the next
observation. Stamps are integer nanoseconds and serve as sequence numbers.
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
    """One observation of one robot. Joint arrays are `(n_joints,)` float64 in the order of the robot's `joint_names`."""

    stamp: int
    """Time of the observation, integer nanoseconds; its identifier."""
    position: Array
    """Joint positions, rad."""
    velocity: Array
    """Joint velocities, rad/s."""
    effort: Array
    """Joint efforts, N·m."""
    target_position: Array
    """`(3,)` position of the target, m, in the robot's root frame."""
    joint_target: Array
    """Joint positions that the robot moves to after all limits, rad. Delta actions start from here."""
    images: Mapping[str, NDArray[np.uint8]] = field(default_factory=lambda: NO_IMAGES)
    """Camera name -> `(height, width, 3)` uint8 rgb."""
    srl_state: Array | None = None
    """`(state_dim,)` state encoded from the image with this stamp; None without an encoder."""
    depths: Mapping[str, NDArray[np.float32]] = field(default_factory=lambda: NO_DEPTHS)
    """Camera name -> `(height, width)` float32, m along the optical axis."""
    contact: Array | None = None
    """`(6,)` force (N) and torque (N·m) on the end effector, axes of the root frame; None without a sensor."""
    signals: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    """Sensor values of the world, by name, such as `button_0` (1 while pressed) or `table_contact`."""
    drawn: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """Values sampled for this episode (imperfections), by name; only in an episode's first observation."""
    timing: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """In real time over topics: the age of each stream and the punctuality of the steps (docs/real_time.md)."""


@dataclass(frozen=True, slots=True)
class Command:
    """Positions for joints by name; joints that are not named keep their last command."""

    stamp: int
    """Stamp of the observation that this command is based on."""
    names: tuple[str, ...]
    position: Array
    """`(len(names),)` float64, rad."""


@dataclass(frozen=True, slots=True)
class Episode:
    """Seed and target of an episode. An episode is a function of these, the configuration and the commands."""

    seed: int = 0
    target: tuple[float, float, float] | None = None
    """Target position in the robot's root frame, m; None: the robot chooses it."""


ResetEnd = Callable[[Observation | RobotError], None]
"""Called at the end of a reset, with the episode's first observation or with the error."""


class Robot(Protocol):
    """Anything that can be reset, commanded and observed."""

    joint_names: tuple[str, ...]
    period_ns: int
    """Control period, integer nanoseconds."""

    def reset(self, episode: Episode) -> Observation:
        """Move to the rest pose and start an episode. Raises RobotError if that fails."""

    def send(self, command: Command) -> None:
        """Send the next command. Raises CommandRejected for an invalid command, and applies no part of it."""

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Return the observation after the last command; wait at most `timeout_s` (None: the robot's default).

        Raises RobotTimeout if no observation came, and RobotInterrupted if the episode was interrupted.
        """

    def close(self) -> None:
        """Release all resources; may be called twice."""


def layer_with(robot: object, attribute: str) -> Any:
    """Return the outermost layer of a robot that has the attribute; None if no layer has it.

    A robot that wraps another one has it as its `plant`: limits wrap imperfections, and imperfections wrap the simulation.
    """
    while robot is not None and not hasattr(robot, attribute):
        robot = getattr(robot, "plant", None)
    return robot
