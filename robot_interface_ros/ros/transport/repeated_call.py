"""A service call that is repeated until an answer comes.

A server that has not yet discovered a client cannot answer it, so the answer to a first call can be lost.
"""

from __future__ import annotations

import math
import time
from typing import Any

AGAIN_S = 2.0  # time after which a call without an answer is repeated


class RepeatedCall:
    """Calls a service again every `again_s` seconds; for calls that may be made twice."""

    def __init__(self, client: Any, request: Any, again_s: float = AGAIN_S):
        """`client`: of `Waiter.client`, whose service is ready."""
        self._client, self._request, self._again_s = client, request, again_s
        self._futures: list[Any] = []
        self._called = -math.inf
        self.answer: Any = None
        """The first answer that came."""

    def answered(self) -> bool:
        """Whether `answer` has come. Also calls the service when it is time to, so it is asked while waiting."""
        self.answer = next((future.result() for future in self._futures if future.done()), None)
        if self.answer is None and time.monotonic() - self._called > self._again_s:
            self._called = time.monotonic()
            self._futures.append(self._client.call_async(self._request))
        return self.answer is not None
