"""Lockstep without ROS: how a robot handles the stamp of a command, and a client the stamps of observations.

A stamp, in integer nanoseconds, is a sequence number. When a command has the robot's current stamp, the robot advances
one period. When a command is older, the robot repeats the current observation. So a lost message costs a repetition,
and never pairs an action with the wrong observation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from robot_interface_ros.errors import CommandRejected, RobotError, RobotInterrupted
from robot_interface_ros.robot import Command, Episode, Observation, ResetEnd
from robot_interface_ros.safety.limits import command_indices
from robot_interface_ros.safety.safe_robot import SafeRobot


def period_of(control_hz: float) -> int:
    """Return the control period in ns; raises ValueError if it is not a whole number."""
    period_ns = round(1e9 / control_hz)
    if abs(period_ns * control_hz - 1e9) > 1e-3:
        raise ValueError(
            f"control_hz is {control_hz:g}: its period is not a whole number of nanoseconds; try 20, 25, 40 or 50"
        )
    return period_ns


def first_stamp(period_ns: int) -> int:
    """Return the start of simulated time, ns: the wall clock rounded up to a period."""
    return -(-time.time_ns() // period_ns) * period_ns


class LockstepRobot:
    """The robot's side of lockstep: answers every command with one observation."""

    in_lockstep = True

    def __init__(self, robot: SafeRobot):
        self._robot = self.plant = robot
        self.joint_names = robot.joint_names
        self.observation = robot.reset(Episode())

    @property
    def motion_enabled(self) -> bool:
        """Whether commands move the robot."""
        return self._robot.motion_enabled

    def emergency_stop(self) -> None:
        """Refuse every command and reset until `enable(True)`."""
        self._robot.emergency_stop()

    def enable(self, enabled: bool) -> None:
        """Allow motion, which also ends an emergency stop; or stop it."""
        self._robot.enable(enabled)

    def start_reset(self, episode: Callable[[], Episode], ended: ResetEnd) -> None:
        """Start an episode, and call `ended` before returning."""
        result: Observation | RobotError
        try:
            result = self.reset(episode())
        except RobotError as error:
            result = error
        ended(result)

    def reset(self, episode: Episode) -> Observation:
        """Start an episode; keep its observation for repetitions."""
        self.observation = self._robot.reset(episode)
        return self.observation

    def command(self, command: Command) -> Observation:
        """Advance one period if the command has the current stamp; return the observation to publish.

        Raises CommandRejected.
        """
        current = self.observation.stamp
        if command.stamp > current:
            raise CommandRejected(
                f"the command answers observation {command.stamp}, newer than the current {current}; "
                "was this robot restarted? Reset it and continue from the reset's stamp"
            )
        if command.stamp == current:
            self._robot.send(command)
            self.observation = self._robot.receive()
        elif command.stamp:  # a repetition moves nothing, but an invalid command is refused each time
            command_indices(command.names, command.position, self._robot.joint_names)
        return self.observation


class StampCollector:
    """The client's side of lockstep: collects the messages of one exact stamp, one from each stream."""

    def __init__(
        self,
        robot: str,
        streams: Iterable[str],
        period_ns: int,
        read: Callable[[str, Any], Any] = lambda stream, message: message,
        conflict: Callable[[str], str] = lambda stream: "",
    ):
        """`robot`: its name in errors; `streams`: the required ones; `period_ns`: the control period that the client expects.

        `read(stream, message)` returns the value to keep of an awaited message, or None if it refuses the message.
        `conflict(stream)` returns text that names a stream's publishers if there are several; it is called only for errors.
        """
        self._robot, self._streams, self._period_ns = robot, tuple(streams), period_ns
        self._read, self._conflict = read, conflict
        self._wanted = self._streams
        self._stamp: int | None = None
        self._early: list[tuple[str, int, Any]] = []
        self._between: set[tuple[str, int]] = set()
        self.oldest: int | None = None
        """Oldest stamp seen while waiting. If it is older than the last observation, the robot has restarted."""
        self.parts: dict[str, Any] = {}

    def leave_out(self, streams: Collection[str]) -> None:
        """Stop awaiting these streams: the robot does not serve them."""
        self._streams = self._wanted = tuple(stream for stream in self._streams if stream not in streams)

    def expect_any(self) -> None:
        """Keep all messages until `expect` gives the next stamp, which is not known during a reset."""
        self._stamp, self._early = None, []

    def expect(self, stamp: int, also: tuple[str, ...] = ()) -> None:
        """Await one message with this stamp from every stream, and this time also from the streams `also`."""
        self._wanted = (*self._streams, *also) if also else self._streams
        self._stamp, self.oldest, self.parts, self._between = stamp, None, {}, set()
        early, self._early = self._early, []
        for stream, early_stamp, message in early:
            if early_stamp == stamp:
                self.offer(stream, early_stamp, message)

    def offer(self, stream: str, stamp: int, message: Any) -> None:
        """Take a message with the awaited stamp and ignore an older one. Raises RobotInterrupted for a newer one.

        It also raises RobotInterrupted for the second message of a stream with the same stamp less than a period before the
        awaited one: a robot with a higher control rate repeats such a stamp and never sends the awaited one.
        """
        if self._stamp is None:
            self._early = [*self._early[-63:], (stream, stamp, message)]
            return
        ahead = stamp - self._stamp
        if ahead == 0:
            if stream in self._wanted and stream not in self.parts:
                part = self._read(stream, message)
                if part is not None:
                    self.parts[stream] = part
        elif ahead < 0:
            if ahead % self._period_ns == 0:
                self.oldest = stamp if self.oldest is None else min(self.oldest, stamp)
            elif ahead > -self._period_ns:
                if (stream, stamp) in self._between:
                    raise RobotInterrupted(self._wrong_stamp(stream, ahead))
                self._between.add((stream, stamp))
        else:
            raise RobotInterrupted(self._wrong_stamp(stream, ahead))

    def _wrong_stamp(self, stream: str, ahead: int) -> str:
        where = "after" if ahead > 0 else "before"
        fault = f"{self._robot} sent {stream} with a stamp {abs(ahead) * 1e-9:g} s {where} the awaited one"
        conflict = self._conflict(stream)
        if conflict:
            return f"{fault}: {conflict}"
        if ahead % self._period_ns:
            return (
                f"{fault}: {self._robot} runs at another control rate than the {1e9 / self._period_ns:g} Hz expected here "
                "(give both the same control_hz), or in real time (give the trainer realtime:=true), or another node "
                "published it"
            )
        return f"{fault}: was it restarted, or reset or commanded by another client?"

    @property
    def missing(self) -> list[str]:
        """Streams whose message is still awaited."""
        return [stream for stream in self._wanted if stream not in self.parts]

    @property
    def complete(self) -> bool:
        """Whether there is a message from every awaited stream."""
        return len(self.parts) == len(self._wanted)
