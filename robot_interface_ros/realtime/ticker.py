"""The ticks of a control rate on a steady clock, and statistics of their punctuality. No ROS here."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Clock = Callable[[], int]
"""Returns the time of a clock, integer nanoseconds."""

_LATE_SHARE = 10  # a tick later than a tenth of the period is an overrun
_REMEMBERED = 1000  # largest number of intervals for statistics
_BEHIND = 0.2  # periods: more than the usual jitter of ticks and messages, but it adds little age
_CORRECTION = (
    0.02  # periods per step at most: enough for drifting clocks, too little for single late messages to matter
)


@dataclass(frozen=True)
class Punctuality:
    """Statistics of the recent ticks."""

    rate_hz: float
    """Ticks per second."""
    jitter_median_ms: float
    """Median difference between the time of two ticks and the period."""
    jitter_p99_ms: float
    late: int
    """Ticks that were late by more than a tenth of the period."""
    overruns: int
    """The same number since the start."""
    missed: int
    """Ticks that were skipped since the start, because there was no time for them."""


class Ticker:
    """Determines when a period is over. Ticks lie on a grid of the period; a missed tick is skipped, never made up.

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
        """Time until the next tick, s; 0 or less: it is due."""
        return (self._due - self._clock()) * 1e-9

    def tick(self) -> None:
        """Record a tick that begins now, and set the time of the next one."""
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
        """Return statistics of the ticks since the last call (at most the last 1000)."""
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
    """The end of each period of a client in real time: a little after the robot's messages have arrived.

    Two clocks of the same rate drift. A client whose periods end just when the robot's messages come would see one tick
    twice and miss the next. So each period ends a fifth of a period after the arrival, kept by a small correction every
    step. Times are in s on one steady clock. `arrived`: arrival of the newest message of a tick of the robot.
    """

    def __init__(self, period_s: float):
        self._period_s = period_s
        self.due = 0.0
        """End of the current period."""
        self.overruns = 0
        """Number of periods that were over before they began, because the client was late."""

    def restart(self, arrived: float) -> None:
        """Restart: the period before the first one ends with this arrival."""
        self.due = arrived + _BEHIND * self._period_s

    def begin(self, now: float, arrived: float) -> None:
        """Begin the next period, after a command was sent. If it would be over already, it ends at least a period from now."""
        self.due += self._period_s
        if self.due <= now:
            self.overruns += 1
            first = arrived + _BEHIND * self._period_s
            self.due = first + math.ceil((now + self._period_s - first) / self._period_s) * self._period_s

    def ended(self, arrived: float) -> None:
        """End the period: correct the next ends towards a fifth of a period after the arrivals."""
        behind = (self.due - arrived) / self._period_s - _BEHIND
        off = behind - round(behind)  # which tick it was does not matter
        self.due -= min(max(off, -_CORRECTION), _CORRECTION) * self._period_s
