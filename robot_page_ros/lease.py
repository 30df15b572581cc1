"""One operator at a time: whose page may move the robot. No ROS here."""

from __future__ import annotations

import time
from collections.abc import Callable

IDLE_S = 10.0
"""After this time without an action, another page may take over."""


class Lease:
    """The page that acts first is the operator, until it leaves or is idle for `IDLE_S`. Everybody may stop the robot."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._acted = clock, 0.0
        self._holder: int | None = None

    @property
    def holder(self) -> int | None:
        """The operator's page, or None."""
        if self._holder is not None and self._clock() - self._acted > IDLE_S:
            self._holder = None
        return self._holder

    def take(self, page: int) -> bool:
        """Whether `page` is the operator now; it becomes the operator where there is none."""
        if self.holder not in (None, page):
            return False
        self._holder, self._acted = page, self._clock()
        return True

    def leave(self, page: int) -> bool:
        """`page` is gone; return whether it was the operator."""
        held = self.holder == page
        if held:
            self._holder = None
        return held
