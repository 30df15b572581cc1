"""How far a long command is: one line that is written over on a terminal, a line now and then where output is piped."""

from __future__ import annotations

import sys
import time

INTERVAL_S = 10.0
"""Between two lines, where standard error is no terminal."""


class Progress:
    """Tells on standard error how many of so many things are done."""

    def __init__(self, what: str, total: int):
        """`what`: one of the things that are counted, such as episode."""
        self._what, self._total, self._begin = what, total, time.monotonic()
        self._last = self._begin

    def show(self, done: int) -> None:
        """Tell it, where it is time to."""
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
            left_s = (now - self._begin) / done * (self._total - done)
            print(f"{text}, {left_s:.0f} s left", file=sys.stderr, flush=True)
