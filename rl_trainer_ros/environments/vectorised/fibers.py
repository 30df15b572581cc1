"""Several blocking conversations in one thread: while one waits, the others go on. No ROS here.

A fiber is a function that runs until it waits and goes on where it was when its waiting is over. So what one robot does
(send, wait, repeat, reset) is written once, as if it were alone, and many do it at the same time without a thread each:
only `pause` changes hands, so nothing needs a lock and the order of everything is fixed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from greenlet import greenlet

T = TypeVar("T")


class Inbox:
    """Whether something has come for one party since it last looked."""

    def __init__(self) -> None:
        self.filled = False


class Fiber(Generic[T]):
    """A function under way. `started` is when, by time.monotonic()."""

    def __init__(self, function: Callable[[], T]):
        self.done = False
        self.started = time.monotonic()
        self._function = function
        self._result: Any = None
        self.error: BaseException | None = None
        self._greenlet = greenlet(self._run)
        self.inbox = Inbox()
        self.deadline = math.inf

    def result(self) -> T:
        """What the function returned; raises what it raised."""
        if not self.done:
            raise RuntimeError("the fiber is still under way")
        if self.error is not None:
            raise self.error
        result: T = self._result
        return result

    def resume(self) -> None:
        """Go on until the next pause or the end; only Fibers calls this."""
        self._greenlet.switch()

    def hand_over(self) -> None:
        """Let whoever resumed this fiber go on; only Fibers calls this."""
        self._greenlet.parent.switch()

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:
            self.error = error
        self.done = True


class Fibers:
    """Runs fibers around one `wait(timeout_s)`, which fills inboxes and returns as soon as it has done so."""

    def __init__(self, wait: Callable[[float], None]):
        self._wait = wait
        self._paused: list[Fiber[Any]] = []
        self._current: Fiber[Any] | None = None

    def start(self, function: Callable[[], T]) -> Fiber[T]:
        """Run a function until it pauses for the first time, or to its end."""
        fiber = Fiber(function)
        self._resume(fiber)
        return fiber

    def pause(self, inbox: Inbox, timeout_s: float) -> None:
        """Wait until something is in the inbox or the time is over, or for no reason at all, as a wait may.

        Within a fiber the others go on meanwhile; outside of any this is a plain `turn`.
        """
        if self._current is None:
            if not inbox.filled:
                self.turn(timeout_s)
        elif not inbox.filled:
            fiber = self._current
            fiber.inbox, fiber.deadline = inbox, time.monotonic() + timeout_s
            self._paused.append(fiber)
            fiber.hand_over()
        inbox.filled = False

    def turn(self, timeout_s: float) -> None:
        """Wait once, `timeout_s` at most, and let every fiber go on whose own waiting is over."""
        now = time.monotonic()
        until = min([now + timeout_s, *(fiber.deadline for fiber in self._paused)])
        self._wait(max(0.0, until - now))
        now = time.monotonic()
        ready = [fiber for fiber in self._paused if fiber.inbox.filled or fiber.deadline <= now]
        for fiber in ready:
            self._paused.remove(fiber)
            self._resume(fiber)

    def _resume(self, fiber: Fiber[Any]) -> None:
        if self._current is not None:
            raise RuntimeError("a fiber cannot run others: start and turn belong to whoever drives them")
        self._current = fiber
        try:
            fiber.resume()
        finally:
            self._current = None
