"""Run several blocking functions in one thread: while one waits, the others continue. Does not need ROS.

A fiber is a function that runs until it waits, and continues at the same place when the wait is over. So the code for one
robot (send, wait, repeat, reset) is written once, and many robots run it at the same time without a thread each. Only
`pause` switches between fibers, so no locks are needed and the order of execution is fixed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from greenlet import greenlet

T = TypeVar("T")


class Inbox:
    """A flag: something has arrived for one receiver since it last looked."""

    def __init__(self) -> None:
        self.filled = False


class Fiber(Generic[T]):
    """A running function. `started`: its start, by time.monotonic()."""

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
        """Return the function's result, or raise its exception. Raises RuntimeError while it is running."""
        if not self.done:
            raise RuntimeError("the fiber is still running")
        if self.error is not None:
            raise self.error
        result: T = self._result
        return result

    def resume(self) -> None:
        """Continue until the next pause or the end; only Fibers calls this."""
        self._greenlet.switch()

    def hand_over(self) -> None:
        """Return control to the code that resumed this fiber; only Fibers calls this."""
        self._greenlet.parent.switch()

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:
            self.error = error
        self.done = True


class Fibers:
    """Runs fibers with one function `wait(timeout_s)`, which fills inboxes and returns as soon as it has filled one."""

    def __init__(self, wait: Callable[[float], None]):
        self._wait = wait
        self._paused: list[Fiber[Any]] = []
        self._current: Fiber[Any] | None = None

    def start(self, function: Callable[[], T]) -> Fiber[T]:
        """Run a function until its first pause, or to its end."""
        fiber = Fiber(function)
        self._resume(fiber)
        return fiber

    def pause(self, inbox: Inbox, timeout_s: float) -> None:
        """Wait until the inbox is filled or the timeout is over. It may also return earlier, without a reason.

        Within a fiber, the other fibers continue meanwhile. Outside of a fiber, this is the same as `turn`.
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
        """Wait once, at most `timeout_s`, then continue every fiber whose wait is over."""
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
            raise RuntimeError("a fiber cannot run other fibers: call start and turn from outside of fibers")
        self._current = fiber
        try:
            fiber.resume()
        finally:
            self._current = None
