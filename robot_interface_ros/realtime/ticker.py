"""A control rate on a steady clock: when the next tick is due, and how punctual the ticks were. No ROS here."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Clock = Callable[[], int]
"""Returns a steady clock's time, integer nanoseconds."""

_LATE_SHARE = 10  # a tick later than a tenth of the period is an overrun
_REMEMBERED = 1000  # intervals that statistics look back on, at most
_BEHIND = 0.2  # periods: longer than ticks and messages usually vary, short beside the age that it adds
_CORRECTION = 0.02  # periods a step at most: drifting clocks need far less, single late messages must not count


@dataclass(frozen=True)
class Punctuality:
    """How a ticker kept its rate lately."""

    rate_hz: float
    """Ticks per second."""
    jitter_median_ms: float
    """Median of how much the time between two ticks differs from the period."""
    jitter_p99_ms: float
    late: int
    """Ticks that came later than a tenth of the period."""
    overruns: int
    """The same since the beginning."""
    missed: int
    """Ticks since the beginning that had no time at all and were left out."""


class Ticker:
    """Says when a period is over. Ticks lie on a grid of the period; what is missed is left out, never caught up.

    A robot moves by at most one step a tick, so two ticks close together would be too fast: a tick that is late by more
    than a tenth of the period starts a new grid, and the time between two ticks is never below nine tenths of it.
    """

    def __init__(self, period_ns: int, clock: Clock = time.monotonic_ns):
        self.period_ns, self._clock = period_ns, clock
        self._due = clock() + period_ns
        self._last: int | None = None
        self._intervals: deque[int] = deque(maxlen=_REMEMBERED)
        self.overruns = self.missed = self._reported = 0

    @property
    def left_s(self) -> float:
        """Time until the next tick is due, s; 0 or less: now."""
        return (self._due - self._clock()) * 1e-9

    def tick(self) -> None:
        """Account for a tick that begins now, and set the time of the next."""
        now = self._clock()
        late = now - self._due
        if late * _LATE_SHARE > self.period_ns:
            self.overruns += 1
            self.missed += late // self.period_ns
            self._due = now
        self._due += self.period_ns
        if self._last is not None:
            self._intervals.append(now - self._last)
        self._last = now

    def punctuality(self) -> Punctuality:
        """Return figures of the ticks since the last call (at most the last 1000), and begin anew."""
        intervals, self._intervals = np.array(self._intervals), deque(maxlen=_REMEMBERED)
        late, self._reported = self.overruns - self._reported, self.overruns
        if not len(intervals):
            return Punctuality(0.0, 0.0, 0.0, late, self.overruns, self.missed)
        jitter = np.abs(intervals - self.period_ns) * 1e-6
        return Punctuality(
            1e9 / float(intervals.mean()),
            float(np.median(jitter)),
            float(np.percentile(jitter, 99)),
            late,
            self.overruns,
            self.missed,
        )


class StepPeriod:
    """When a client's periods end, in real time: a little after the robot's ticks have arrived.

    Two clocks of the same rate beat: a client whose periods end just when the robot's messages come would see one tick
    twice and the next one never. So the ends are kept a fifth of a period behind the arrivals, by a small correction
    every step. Times are in s by one steady clock. `arrived`: when the newest message came that a tick of the robot
    published.
    """

    def __init__(self, period_s: float):
        self._period_s = period_s
        self.due = 0.0
        """When the running period ends."""
        self.overruns = 0
        """Periods that were over before they began: whoever commands came late."""

    def restart(self, arrived: float) -> None:
        """Begin anew: the period before the first ends with this arrival."""
        self.due = arrived + _BEHIND * self._period_s

    def begin(self, now: float, arrived: float) -> None:
        """A command was sent: the next period begins. One that would be over already is a whole one from now, and more."""
        self.due += self._period_s
        if self.due <= now:
            self.overruns += 1
            first = arrived + _BEHIND * self._period_s
            self.due = first + math.ceil((now + self._period_s - first) / self._period_s) * self._period_s

    def ended(self, arrived: float) -> None:
        """The period is over: move the next ends towards their place behind the arrivals."""
        behind = (self.due - arrived) / self._period_s - _BEHIND
        off = behind - round(behind)  # which tick it was does not matter
        self.due -= min(max(off, -_CORRECTION), _CORRECTION) * self._period_s
