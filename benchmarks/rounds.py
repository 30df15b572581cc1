"""Rounds of a measurement within a given time, with a line of progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

BEGAN = time.monotonic()


def elapsed_s() -> float:
    """Return the seconds since the program's start."""
    return time.monotonic() - BEGAN


def rounds(what: str, most: int, until_s: float) -> Iterator[int]:
    """Yield 0, 1, ... at most `most` times, while the next round probably ends within `until_s` of the program's start.

    There is always a first round. `what`: its name in the line of progress.
    """
    longest = 0.0
    for k in range(most):
        began = elapsed_s()
        if k and began + longest > until_s:
            break
        say(f"{what}, round {k + 1} of at most {most}", until_s)
        yield k
        longest = max(longest, elapsed_s() - began)


def say(what: str, until_s: float) -> None:
    """Write a line of progress to standard error."""
    print(f"{elapsed_s():4.0f} s of about {until_s:.0f} s: {what}", file=sys.stderr, flush=True)
