"""Lockstep without ROS: what a robot does with a command's stamp, and what a client does with an observation's.

A stamp, in integer nanoseconds, is a sequence number. The robot answers a command that carries its current stamp by
advancing one period; whatever is older repeats the current observation, so that a lost message costs a repetition and
never a wrong pairing.
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
    """Return the control period in integer nanoseconds; ValueError where there is none."""
    period_ns = round(1e9 / control_hz)
    if abs(period_ns * control_hz - 1e9) > 1e-3:
        raise ValueError(
            f"control_hz is {control_hz:g}: its period is no whole number of nanoseconds; try 20, 25, 40 or 50"
        )
    return period_ns


def first_stamp(period_ns: int) -> int:
    """Return the wall clock rounded up to a period: where simulated time starts."""
    return -(-time.time_ns() // period_ns) * period_ns


class LockstepRobot:
    """The robot's side: pairs every command with one observation."""

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
        """Allow motion (the only thing that ends an emergency stop), or stop it."""
        self._robot.enable(enabled)

    def start_reset(self, episode: Callable[[], Episode], ended: ResetEnd) -> None:
        """Start an episode, and call `ended` before this returns."""
        result: Observation | RobotError
        try:
            result = self.reset(episode())
        except RobotError as error:
            result = error
        ended(result)

    def reset(self, episode: Episode) -> Observation:
        """Start an episode; the observation is also kept for repetition."""
        self.observation = self._robot.reset(episode)
        return self.observation

    def command(self, command: Command) -> Observation:
        """Advance one period, or not, and return what is to be published. Raises CommandRejected."""
        current = self.observation.stamp
        if command.stamp > current:
            raise CommandRejected(
                f"the command answers observation {command.stamp}, newer than the current {current}; "
                "was this robot restarted? Reset it and go on from the reset's stamp"
            )
        if command.stamp == current:
            self._robot.send(command)
            self.observation = self._robot.receive()
        elif command.stamp:  # a repetition moves nothing, but a bad command is named each time
            command_indices(command.names, command.position, self._robot.joint_names)
        return self.observation


class StampCollector:
    """The client's side: collects the messages of one exact stamp, one for each stream."""

    def __init__(
        self,
        robot: str,
        streams: Iterable[str],
        period_ns: int,
        read: Callable[[str, Any], Any] = lambda stream, message: message,
        crowd: Callable[[str], str] = lambda stream: "",
    ):
        """`robot` names it in errors; `streams` must all answer; `period_ns` is what the caller believes.

        `read(stream, message)` returns what is kept of an awaited message, None where it is refused.
        `crowd(stream)` says who publishes the stream, where there are several; it is asked for errors alone.
        """
        self._robot, self._streams, self._period_ns = robot, tuple(streams), period_ns
        self._read, self._crowd = read, crowd
        self._wanted = self._streams
        self._stamp: int | None = None
        self._early: list[tuple[str, int, Any]] = []
        self._between: set[tuple[str, int]] = set()
        self.oldest: int | None = None
        """Oldest stamp seen while waiting; older than the last observation's means that the robot restarted."""
        self.parts: dict[str, Any] = {}

    def leave_out(self, streams: Collection[str]) -> None:
        """Await these no longer: the robot does not serve them."""
        self._streams = self._wanted = tuple(stream for stream in self._streams if stream not in streams)

    def expect_any(self) -> None:
        """The next stamp is not known yet (a reset is under way): keep what comes until `expect` names it."""
        self._stamp, self._early = None, []

    def expect(self, stamp: int, also: tuple[str, ...] = ()) -> None:
        """Await one message of every stream with this stamp, this time of the streams `also` as well."""
        self._wanted = (*self._streams, *also) if also else self._streams
        self._stamp, self.oldest, self.parts, self._between = stamp, None, {}, set()
        early, self._early = self._early, []
        for stream, early_stamp, message in early:
            if early_stamp == stamp:
                self.offer(stream, early_stamp, message)

    def offer(self, stream: str, stamp: int, message: Any) -> None:
        """Older, whatever its grid: ignore. Equal: take. Newer: RobotInterrupted; where it repeats, the caller knows.

        A robot of a higher control rate never answers, but repeats what lies less than a period before the awaited answer.
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
                    raise RobotInterrupted(self._astray(stream, ahead))
                self._between.add((stream, stamp))
        else:
            raise RobotInterrupted(self._astray(stream, ahead))

    def _astray(self, stream: str, ahead: int) -> str:
        where = "ahead of" if ahead > 0 else "before"
        said = f"{self._robot} sent {stream} {abs(ahead) * 1e-9:g} s {where} the awaited answer"
        crowd = self._crowd(stream)
        if crowd:
            return f"{said}: {crowd}"
        if ahead % self._period_ns:
            return (
                f"{said}: {self._robot} runs at another control rate than the {1e9 / self._period_ns:g} Hz expected here "
                "(give both the same control_hz), or in real time (give the trainer realtime:=true), or somebody else "
                "published it"
            )
        return f"{said}: was it reset, restarted or commanded by another?"

    @property
    def missing(self) -> list[str]:
        """Streams that have not answered yet."""
        return [stream for stream in self._wanted if stream not in self.parts]

    @property
    def complete(self) -> bool:
        """Whether every stream has answered."""
        return len(self.parts) == len(self._wanted)
