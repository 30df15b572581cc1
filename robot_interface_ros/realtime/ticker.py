"""A control rate on a steady clock: when the next tick is due, and how punctual the ticks were. No ROS here."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Clock = Callable[[], int]
"""Returns a steady clock's time, integer nanoseconds."""

_LATE_SHARE = 10  # a tick later than a tenth of the period is an overrun
_REMEMBERED = 1000  # intervals that statistics look back on, at most


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
