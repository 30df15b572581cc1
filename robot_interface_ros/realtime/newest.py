"""A client's side in real time, without ROS: the newest message of every stream, and how old each is."""

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
    """What may pass for an observation."""

    max_age_s: float = option(0.25, "no stream may be older when the period ends", minimum=0.001, maximum=60.0)
    max_skew_s: float = option(0.2, "nor may two be further apart", minimum=0.0, maximum=60.0)


@dataclass(frozen=True)
class _Part:
    stamp: int
    delay: int  # from the stamp until it came, by wall clocks; on two machines these must agree
    came: int  # steady clock
    message: Any


class Newest:
    """Keeps the newest message of each stream; has the interface of `StampCollector`, which keeps those of one exact stamp."""

    def __init__(
        self,
        robot: str,
        streams: Iterable[str],
        freshness: Freshness,
        clock: Clock = time.monotonic_ns,
        wall_clock: Clock = time.time_ns,
        read: Callable[[str, Any], Any] = lambda stream, message: message,
        crowd: Callable[[str], str] = lambda stream: "",
        refuse: Callable[[str, str], None] = lambda stream, reason: None,
    ):
        """`robot` names it in errors.

        `read(stream, message)` returns what is kept of a message, None where it is refused.
        `crowd(stream)` says who publishes a stream, where there are several; it is asked for errors alone.
        `refuse(stream, reason)` is told of a message that is left out because of its stamp.
        """
        self._read, self._crowd, self._refuse = read, crowd, refuse
        self._robot, self._streams, self._freshness = robot, tuple(streams), freshness
        self._clock, self._wall_clock = clock, wall_clock
        self._parts: dict[str, _Part] = {}
        self._once: dict[str, Any] = {}
        self._also: tuple[str, ...] = ()
        self._not_before = 0
        self.oldest: int | None = None
        """None: real time knows no restart by its stamps."""

    def leave_out(self, streams: Collection[str]) -> None:
        """Await these no longer: the robot does not serve them."""
        self._streams = tuple(stream for stream in self._streams if stream not in streams)

    def expect_any(self) -> None:
        """An episode's first stamp is not known yet: keep what comes until `expect` names it.

        What is there is dropped: after a robot's clock was set back everything would seem older than that.
        """
        self._parts, self._not_before, self._once, self._also = {}, 0, {}, ()

    def expect(self, stamp: int, also: tuple[str, ...] = ()) -> None:
        """Count nothing that is older; the streams `also` are awaited once, with exactly this stamp."""
        self._not_before, self._also = stamp, also
        self._parts = {name: part for name, part in self._parts.items() if part.stamp >= stamp}
        self._once = {name: entry for name, entry in self._once.items() if entry[0] == stamp}

    def forget_once(self) -> None:
        """The first observation was taken: what came once is not repeated in the next."""
        self._once, self._also = {}, ()

    def offer(self, stream: str, stamp: int, message: Any) -> None:
        """Keep a message that is newer than what is there.

        One from the future is left out as long as there is one of the present: it would shut out all that come after it.
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
        """Streams of which nothing has come yet."""
        waited_for = [name for name in self._also if self._once.get(name, (None,))[0] != self._not_before]
        return [name for name in self._streams if name not in self._parts] + waited_for

    @property
    def complete(self) -> bool:
        """Whether something of every stream is there."""
        return not self.missing

    def stamp(self, stream: str) -> int:
        """Return the stamp of a stream's message, ns."""
        return self._parts[stream].stamp

    def arrived_s(self, stream: str) -> float:
        """Return when a stream's message came, s on the steady clock."""
        return self._parts[stream].came * 1e-9

    def ages_s(self) -> dict[str, float]:
        """Return how old each stream's message is now, s."""
        now = self._clock()
        return {name: (part.delay + now - part.came) * 1e-9 for name, part in self._parts.items()}

    def check(self) -> tuple[dict[str, float], float]:
        """Return the ages, s, and how far apart the oldest and the newest stamp are, s.

        Raises RobotInterrupted where that is no observation: a stream too old, or two too far apart.
        """
        ages, limits = self.ages_s(), self._freshness
        stamps = {name: part.stamp for name, part in self._parts.items()}
        skew = (max(stamps.values()) - min(stamps.values())) * 1e-9
        oldest, newest = max(ages, key=lambda name: ages[name]), min(ages, key=lambda name: ages[name])
        if ages[oldest] > limits.max_age_s:
            raise self._interrupted(
                oldest,
                f"is {ages[oldest]:.3f} s old, more than max_observation_age_s:={limits.max_age_s:g}",
                "does the robot still publish it, is the link slow, or do two machines' clocks differ?",
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

    def _interrupted(self, stream: str, said: str, advice: str, other: str = "") -> RobotInterrupted:
        """The advice is for one robot; where several publish a stream, that is the likelier cause."""
        crowd = self._crowd(stream) or (self._crowd(other) if other else "")
        return RobotInterrupted(f"{stream} of {self._robot} {said}; {crowd or advice}")
