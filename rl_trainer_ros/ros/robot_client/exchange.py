"""Interfaces of the parts of a TopicRobot that differ between lockstep and real time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rclpy.qos import QoSProfile

from rl_trainer_ros.ros.robot_client.batch import BatchSeat
from rl_trainer_ros.ros.robot_client.commands import CommandStream
from rl_trainer_ros.ros.robot_client.link import Link
from rl_trainer_ros.ros.robot_client.streams import ObservationStreams
from robot_interface_ros.robot import Command, Observation
from robot_interface_ros.robot_config import RobotDescription


class Collector(Protocol):
    """Collects the messages of one observation by their stamps. See StampCollector (lockstep) and Newest (real time)."""

    @property
    def oldest(self) -> int | None:
        """Oldest stamp received while waiting. If it is older than the last observation, the robot was restarted."""

    @property
    def parts(self) -> dict[str, Any]:
        """Stream -> content of its message."""

    @property
    def missing(self) -> list[str]:
        """Streams without a message yet."""

    @property
    def complete(self) -> bool:
        """Whether there is a message of every stream."""

    def leave_out(self, streams: Collection[str]) -> None:
        """Do not wait for these streams any more."""

    def expect_any(self) -> None:
        """Accept any stamp: an episode is being started, and the stamp of its first observation is not known yet."""

    def expect(self, stamp: int, also: tuple[str, ...] = ()) -> None:
        """Wait for an observation with this stamp, this time also with the streams `also`."""

    def offer(self, stream: str, stamp: int, message: Any) -> None:
        """Take a message, or ignore it. Raises RobotInterrupted if its stamp shows that the episode was interrupted."""


class Exchange(Protocol):
    """Sends commands, and waits for the observation after each."""

    exact: bool
    """Whether the first observation of an episode has exactly the stamp of the reset; otherwise it may be newer."""

    @property
    def collector(self) -> Collector:
        """The collector of received messages."""

    def recognise(self, deadline: float) -> None:
        """Check that a new robot works in this mode. Raises RobotTimeout."""

    def begin(self, stamp: int, also: tuple[str, ...], deadline: float) -> Observation:
        """Return the first observation of an episode, with the stamp `stamp`, or a newer one in real time."""

    def send(self, command: Command) -> None:
        """Publish a command. Raises CommandRejected if it is invalid."""

    def receive(self, deadline: float) -> Observation:
        """Return the observation after the last command. Raises RobotTimeout and RobotInterrupted."""


@dataclass(frozen=True)
class Parts:
    """Parts of a robot's client that an Exchange uses."""

    link: Link
    streams: ObservationStreams
    commands: CommandStream
    seat: BatchSeat
    description: RobotDescription
    period_ns: int


class Mode(Protocol):
    """Mode of a robot: `Lockstep` or `RealTime`."""

    @property
    def more_streams(self) -> Mapping[str, Any]:
        """Stream -> message type, for streams that only this mode needs."""

    @property
    def image_qos(self) -> QoSProfile:
        """Quality of service of image subscriptions, unless the publisher offers less."""

    def cost_of_loss(self, repeat_after_s: float) -> str:
        """Return the effect of a lost message, for a warning; empty if there is none."""

    def exchange(self, parts: Parts) -> Exchange:
        """Make the Exchange."""
