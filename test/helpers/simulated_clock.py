"""A clock that a test advances, in integer nanoseconds."""

from __future__ import annotations

PERIOD = 50_000_000
SECOND = 1_000_000_000


class Clock:
    """Simulated time, integer nanoseconds."""

    def __init__(self) -> None:
        self.now = 10 * SECOND

    def __call__(self) -> int:
        return self.now
