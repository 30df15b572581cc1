"""Progress of a distillation in lines, with the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """Reports how much of something is done, at most every `interval_s`."""

    def __init__(
        self, what: str, total: int, unit: str, interval_s: float, report: Callable[[str], None], done: int = 0
    ):
        """`done`: how much was done before."""
        self._what, self._total, self._unit = what, total, unit
        self._interval_s, self._report = interval_s, report
        self._begin = self._last = time.monotonic()
        self._before = done

    def show(self, done: int, more: str = "") -> None:
        """Report it where it is time to; `more`: further words."""
        now = time.monotonic()
        if now - self._last >= self._interval_s and done < self._total:
            self._last = now
            self._report(self.line(done, more))

    def line(self, done: int, more: str = "") -> str:
        """Return the line."""
        taken_s = time.monotonic() - self._begin
        left_s = int(taken_s / max(1, done - self._before) * (self._total - done))
        words = (
            f"{self._what}: {done:,} of {self._total:,} {self._unit}",
            more,
            f"left {left_s // 60}:{left_s % 60:02d}",
        )
        return "  ".join(part for part in words if part)
