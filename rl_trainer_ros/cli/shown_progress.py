"""Progress of a long command: one line that is overwritten on a terminal, or a line from time to time in a pipe."""

from __future__ import annotations

import sys
import time

INTERVAL_S = 10.0
"""Time between two lines if standard error is not a terminal."""


class Progress:
    """Shows on standard error how many items are done."""

    def __init__(self, what: str, total: int):
        """`what`: name of an item, such as episode."""
        self._what, self._total, self._begin = what, total, time.monotonic()
        self._last, self._there = self._begin, 0

    def begin(self, done: int) -> None:
        """Call it before the first item if some are done already: they took no time."""
        self._begin, self._there = time.monotonic(), done

    def show(self, done: int) -> None:
        """Print the progress, if enough time has passed since the last line."""
        if sys.stderr is None:
            return
        text = f"  {done:,} of {self._total:,} {self._what}s"
        if sys.stderr.isatty():
            end = "" if done < self._total else "\r" + " " * (len(text) + 1) + "\r"
            print(f"\r{text}", end=end, file=sys.stderr, flush=True)
            return
        now = time.monotonic()
        if now - self._last >= INTERVAL_S and done < self._total:
            self._last = now
            left_s = (now - self._begin) / (done - self._there) * (self._total - done)
            print(f"{text}, {left_s:.0f} s left", file=sys.stderr, flush=True)
