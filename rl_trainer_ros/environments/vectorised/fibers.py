"""Run several blocking functions in one thread: while one waits, the others continue. Does not need ROS.

A fiber is a function that runs until it waits, and continues at the same place when the wait is over. So the code for one
robot (send, wait, repeat, reset) is written once, and many robots run it at the same time without a thread each. Only
`pause` switches between fibers, so no locks are needed and the order of execution is fixed.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

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
        self.inbox: Inbox | None = None
        self.deadline = math.inf
        self.greenlet: Any = None

    def result(self) -> T:
        """Return the function's result, or raise its exception. Raises RuntimeError while it is running."""
        if not self.done:
            raise RuntimeError("the fiber is still running")
        if self.error is not None:
            raise self.error
        result: T = self._result
        return result

    def run(self) -> None:
        """Run the function to its end; only Fibers calls this."""
        try:
            self._result = self._function()
        except GreenletExit:  # the fiber will never be resumed
            raise
        except BaseException as error:
            self.error = error
        self.done = True


class Fibers:
    """Runs fibers with one function `wait(timeout_s)`, which fills inboxes and returns as soon as it has filled one."""

    def __init__(self, wait: Callable[[float], None]):
        self._wait = wait
        self._paused: list[Fiber[Any]] = []
        self._current: Fiber[Any] | None = None
        self.idle: list[Any] = []
        """Greenlets without a fiber."""

    def start(self, function: Callable[[], T]) -> Fiber[T]:
        """Run a function until its first pause, or to its end."""
        fiber = Fiber(function)
        here = getcurrent()
        while self.idle and self.idle[-1].parent is not here:  # of a thread that has ended
            self.idle.pop()
        fiber.greenlet = self.idle.pop() if self.idle else greenlet(partial(_serve, weakref.ref(self)))
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
            fiber.greenlet.parent.switch()
        inbox.filled = False

    def turn(self, timeout_s: float) -> None:
        """Wait once, at most `timeout_s`, then continue every fiber whose wait is over."""
        now = time.monotonic()
        until = min([now + timeout_s, *(fiber.deadline for fiber in self._paused)])
        self._wait(max(0.0, until - now))
        now = time.monotonic()
        ready = [fiber for fiber in self._paused if fiber.deadline <= now or (fiber.inbox and fiber.inbox.filled)]
        for fiber in ready:
            self._paused.remove(fiber)
            self._resume(fiber)

    def _resume(self, fiber: Fiber[Any]) -> None:
        if self._current is not None:
            raise RuntimeError("a fiber cannot run other fibers: call start and turn from outside of fibers")
        self._current = fiber
        try:
            fiber.greenlet.switch(fiber)
        finally:
            self._current = None


def _serve(fibers: weakref.ref[Fibers], fiber: Fiber[Any] | None) -> None:
    """Run fibers one after the other in one greenlet: a new one for each would take longer than the switches of a step.

    Only `fibers` keeps an idle greenlet, and not the other way round: Python finds no cycle through a greenlet.
    """
    here = getcurrent()
    while fiber is not None:
        fiber.run()
        fiber = None  # its result is no longer needed here
        owner = fibers()
        if owner is None:
            return
        owner.idle.append(here)
        del owner
        fiber = here.parent.switch()
