"""What differs between a robot in lockstep and one in real time, as the parts that a TopicRobot is put together from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rclpy.qos import QoSProfile

from rl_trainer_ros.ros.robot_client.commands import CommandStream
from rl_trainer_ros.ros.robot_client.link import Link
from rl_trainer_ros.ros.robot_client.streams import ObservationStreams
from robot_interface_ros.robot import Command, Observation
from robot_interface_ros.robot_config import RobotDescription


class Collector(Protocol):
    """Judges stamps: gathers the messages of one observation. See StampCollector (lockstep) and Newest (real time)."""

    @property
    def oldest(self) -> int | None:
        """Oldest stamp seen while waiting; older than the last observation's means that the robot was restarted."""

    @property
    def parts(self) -> dict[str, Any]:
        """Stream -> what is kept of its message."""

    @property
    def missing(self) -> list[str]:
        """Streams of which there is nothing yet."""

    @property
    def complete(self) -> bool:
        """Whether there is something of every stream."""

    def leave_out(self, streams: Collection[str]) -> None:
        """Await these no longer."""

    def expect_any(self) -> None:
        """An episode is being started, and the stamp of its first observation is not known yet."""

    def expect(self, stamp: int, also: tuple[str, ...] = ()) -> None:
        """Await an observation with this stamp, this time with a message of the streams `also` as well."""

    def offer(self, stream: str, stamp: int, message: Any) -> None:
        """Take a message, or not. Raises RobotInterrupted where its stamp says that the episode was cut."""


class Exchange(Protocol):
    """Sends commands and awaits the observation that answers each."""

    exact: bool
    """Whether the first observation of an episode is the one with the reset's stamp; else it may be a newer one."""

    @property
    def collector(self) -> Collector:
        """What judges the stamps of the messages that come."""

    def recognise(self, deadline: float) -> None:
        """Check that a robot that was just found works in this mode. Raises RobotTimeout."""

    def begin(self, stamp: int, also: tuple[str, ...], deadline: float) -> Observation:
        """Return the first observation of an episode, which has the stamp `stamp`, or a newer one in real time."""

    def send(self, command: Command) -> None:
        """Publish a command. Raises CommandRejected where it is not valid."""

    def receive(self, deadline: float) -> Observation:
        """Return the observation that answers the last command. Raises RobotTimeout and RobotInterrupted."""


@dataclass(frozen=True)
class Parts:
    """What an exchange works with."""

    link: Link
    streams: ObservationStreams
    commands: CommandStream
    description: RobotDescription
    period_ns: int


class Mode(Protocol):
    """How a robot is served: `Lockstep` or `RealTime`."""

    @property
    def more_streams(self) -> Mapping[str, Any]:
        """Stream -> type of message, of what an observation needs beside the streams of every mode."""

    @property
    def image_qos(self) -> QoSProfile:
        """With what quality of service images are heard, unless their publisher offers less."""

    def cost_of_loss(self, repeat_after_s: float) -> str:
        """Say what a lost message costs; empty where that is nothing to warn of."""

    def exchange(self, parts: Parts) -> Exchange:
        """Return what sends and awaits."""
