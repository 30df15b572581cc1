"""Service calls that wait for their answer, each for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Answered = Callable[[bool, str], None]
"""Is called with whether the call succeeded, and the message of the answer."""


class PendingCalls:
    """Calls of services whose answers have `success` and `message`, such as Trigger and SetBool."""

    def __init__(self) -> None:
        self._calls: list[tuple[Any, Answered, float]] = []

    def call(self, client: Any, request: Any, answered: Answered, timeout_s: float, cause: str) -> None:
        """Call a service. Where it is not served, `answered` is called at once with `cause`, its likely cause."""
        if client.service_is_ready():
            self._calls.append((client.call_async(request), answered, time.monotonic() + timeout_s))
        else:
            answered(False, f"{client.srv_name} is not served; {cause}")

    def finish(self) -> None:
        """Report the calls that are answered, and those whose time is over."""
        now = time.monotonic()
        for call in list(self._calls):
            future, answered, deadline = call
            if future.done():
                self._calls.remove(call)
                answered(future.result().success, future.result().message)
            elif now > deadline:
                self._calls.remove(call)
                answered(False, "no answer in time")
