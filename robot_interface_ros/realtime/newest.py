"""The client's side of real time, without ROS: the newest message of every stream, and its age."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from robot_interface_ros.config import option
from robot_interface_ros.errors import RobotInterrupted
from robot_interface_ros.realtime.ticker import Clock


@dataclass(frozen=True)
class Freshness:
    """Limits of age and skew for the streams of one observation."""

    max_age_s: float = option(0.25, "largest age of a stream at the end of a period, s", minimum=0.001, maximum=60.0)
    max_skew_s: float = option(
        0.2, "largest difference between the stamps of two streams, s", minimum=0.0, maximum=60.0
    )


@dataclass(frozen=True)
class _Part:
    stamp: int
    delay: int  # from its stamp to its arrival, by wall clocks, which must agree between machines
    came: int  # arrival, steady clock
    message: Any


class Newest:
    """Keeps the newest message of each stream. The interface is that of `StampCollector`, its counterpart in lockstep."""

    def __init__(
        self,
        robot: str,
        streams: Iterable[str],
        freshness: Freshness,
        clock: Clock = time.monotonic_ns,
        wall_clock: Clock = time.time_ns,
        read: Callable[[str, Any], Any] = lambda stream, message: message,
        conflict: Callable[[str], str] = lambda stream: "",
        refuse: Callable[[str, str], None] = lambda stream, reason: None,
    ):
        """`robot`: its name in errors.

        `read(stream, message)` returns the value to keep of a message, or None if it refuses the message.
        `conflict(stream)` returns text that names a stream's publishers if there are several; it is called only for errors.
        `refuse(stream, reason)` is called for a message that is ignored because of its stamp.
        """
        self._read, self._conflict, self._refuse = read, conflict, refuse
        self._robot, self._streams, self._freshness = robot, tuple(streams), freshness
        self._clock, self._wall_clock = clock, wall_clock
        self._parts: dict[str, _Part] = {}
        self._once: dict[str, Any] = {}
        self._also: tuple[str, ...] = ()
        self._not_before = 0
        self.oldest: int | None = None
        """Always None: in real time, stamps do not show a restart of the robot."""

    def leave_out(self, streams: Collection[str]) -> None:
        """Stop awaiting these streams: the robot does not serve them."""
        self._streams = tuple(stream for stream in self._streams if stream not in streams)

    def expect_any(self) -> None:
        """Keep new messages until `expect` gives an episode's first stamp, and drop the earlier ones.

        After the robot's clock was set back, new messages would seem older than the earlier ones.
        """
        self._parts, self._not_before, self._once, self._also = {}, 0, {}, ()

    def expect(self, stamp: int, also: tuple[str, ...] = ()) -> None:
        """Ignore messages older than `stamp`; await the streams `also` once, with exactly this stamp."""
        self._not_before, self._also = stamp, also
        self._parts = {name: part for name, part in self._parts.items() if part.stamp >= stamp}
        self._once = {name: entry for name, entry in self._once.items() if entry[0] == stamp}

    def forget_once(self) -> None:
        """Drop the messages that only the first observation of an episode has."""
        self._once, self._also = {}, ()

    def offer(self, stream: str, stamp: int, message: Any) -> None:
        """Keep a message if it is newer than the kept one.

        A message with a stamp in the future is ignored if there is a current one: it would exclude all later messages.
        """
        if stream not in self._streams:
            self._once[stream] = stamp, message
            return
        before = self._parts.get(stream)
        if stamp < self._not_before or (before is not None and stamp < before.stamp):
            return
        came, delay, limit = self._clock(), self._wall_clock() - stamp, self._freshness.max_age_s * 1e9
        if delay < -limit and before is not None and abs(before.delay + came - before.came) <= limit:
            self._refuse(stream, f"its stamp is {-delay * 1e-9:.3f} s in the future")
            return
        part = self._read(stream, message)
        if part is not None:
            self._parts[stream] = _Part(stamp, delay, came, part)

    @property
    def parts(self) -> dict[str, Any]:
        """Stream -> message."""
        once = {name: self._once[name][1] for name in self._also if name in self._once}
        return {name: part.message for name, part in self._parts.items()} | once

    @property
    def missing(self) -> list[str]:
        """Streams without a message."""
        waited_for = [name for name in self._also if self._once.get(name, (None,))[0] != self._not_before]
        return [name for name in self._streams if name not in self._parts] + waited_for

    @property
    def complete(self) -> bool:
        """Whether every stream has a message."""
        return not self.missing

    def stamp(self, stream: str) -> int:
        """Return the stamp of a stream's message, ns."""
        return self._parts[stream].stamp

    def arrived_s(self, stream: str) -> float:
        """Return the arrival time of a stream's message, s on the steady clock."""
        return self._parts[stream].came * 1e-9

    def ages_s(self) -> dict[str, float]:
        """Return the current age of each stream's message, s."""
        now = self._clock()
        return {name: (part.delay + now - part.came) * 1e-9 for name, part in self._parts.items()}

    def check(self) -> tuple[dict[str, float], float]:
        """Return the ages, s, and the difference between the newest and the oldest stamp, s.

        Raises RobotInterrupted if a stream is too old, or two streams are too far apart.
        """
        ages, limits = self.ages_s(), self._freshness
        stamps = {name: part.stamp for name, part in self._parts.items()}
        skew = (max(stamps.values()) - min(stamps.values())) * 1e-9
        oldest, newest = max(ages, key=lambda name: ages[name]), min(ages, key=lambda name: ages[name])
        if ages[oldest] > limits.max_age_s:
            raise self._interrupted(
                oldest,
                f"is {ages[oldest]:.3f} s old, more than max_observation_age_s:={limits.max_age_s:g}",
                "does the robot still publish it, is the link slow, or do the clocks of two machines differ?",
            )
        if ages[newest] < -limits.max_age_s:
            raise self._interrupted(
                newest,
                f"has a stamp {-ages[newest]:.3f} s in the future",
                "set the clocks of both machines by the same server (chrony, NTP)",
            )
        if skew > limits.max_skew_s:
            first, last = min(stamps, key=lambda name: stamps[name]), max(stamps, key=lambda name: stamps[name])
            raise self._interrupted(
                first,
                f"is {skew:.3f} s behind {last}, more than max_skew_s:={limits.max_skew_s:g}",
                "is its rate too low?",
                last,
            )
        return ages, skew

    def _interrupted(self, stream: str, fault: str, advice: str, other: str = "") -> RobotInterrupted:
        """Return the error. Several publishers of a stream are the more likely cause, so they replace the advice."""
        conflict = self._conflict(stream) or (self._conflict(other) if other else "")
        return RobotInterrupted(f"{stream} of {self._robot} {fault}; {conflict or advice}")
