"""The newest values of one robot's streams, as the page shows them. No ROS here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from robot_interface_ros.robot import Array

POLICY = ("action", "action_probabilities", "value", "reward", "srl_state", "observation")
"""Streams of numbers with names that a policy publishes, and the state that it sees."""
STALE_S = 1.0
"""A stream without a message for so long is shown in red."""
LOST_S = 3.0
"""A robot without joint_states for so long waits for a client, or is gone."""


@dataclass(frozen=True)
class Camera:
    """One camera's newest picture; `pose` is its optical frame in the root frame: position (3,) m and rotation (3, 3)."""

    image: NDArray[Any] | None = None
    """`(height, width, 3)` uint8."""
    fov_y_rad: float = 0.8
    frame: str = ""
    """Name of the optical frame, without the namespace."""


@dataclass(frozen=True)
class DrawnMarker:
    """A marker of the trainer; `kind` is sphere, line_strip, points or text. Lengths in m, root frame."""

    kind: str
    points: Array
    """`(n, 3)`"""
    size: float
    colour: tuple[float, float, float, float]
    colours: Array | None = None
    """`(n, 4)` a colour for each point."""
    text: str = ""


@dataclass
class RobotView:
    """Newest values; unknown ones are None or empty."""

    position: Mapping[str, float] = field(default_factory=dict)
    """Joint name -> rad (m for a prismatic joint)."""
    target: Mapping[str, float] = field(default_factory=dict)
    """Of joint_target."""
    target_position: Array | None = None
    """`(3,)` m."""
    force: Array | None = None
    """`(3,)` N on the end effector."""
    signals: Mapping[str, float] = field(default_factory=dict)
    policy: dict[str, Mapping[str, float]] = field(default_factory=dict)
    """Of the streams in POLICY: name -> number."""
    motion_enabled: bool | None = None
    state: str = ""
    """State of a robot in real time, as /diagnostics has it; empty in lockstep."""
    said: str = ""
    """The message of its entry in /diagnostics."""
    level: int = 0
    """0 ok, 1 warning, 2 error."""
    rejected: str = ""
    """The newest reason of a refused command."""
    cameras: dict[str, Camera] = field(default_factory=dict)
    markers: dict[str, DrawnMarker] = field(default_factory=dict)
    arrived: dict[str, float] = field(default_factory=dict)
    """Stream -> when its newest message arrived, s of a steady clock."""

    @property
    def real_time(self) -> bool:
        """Whether the robot runs at its own rate, so that a person can move it."""
        return bool(self.state)


def ages(view: RobotView, now: float) -> list[tuple[str, float, bool]]:
    """Return stream, age in s, and whether it is stale, for each stream that was seen; cameras last."""
    names: Sequence[str] = sorted(view.arrived, key=lambda name: (name.startswith("camera"), name))
    return [(name, now - view.arrived[name], now - view.arrived[name] > STALE_S) for name in names]


def lost(view: RobotView, now: float) -> bool:
    """Whether no joint_states arrive. `now`: s of a steady clock."""
    return now - view.arrived.get("joint_states", -1e9) > LOST_S
