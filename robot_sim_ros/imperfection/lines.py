"""Small things that a signal passes on its way: a delay, play, a link that drops. No simulator here."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import numpy as np

from robot_interface_ros.robot import Array

T = TypeVar("T")


class DelayLine(Generic[T]):
    """What goes in comes out `delay` calls later; until then the first that went in comes out."""

    def __init__(self, delay: int, first: T | None = None):
        """`first`: what is in the line already; None: whatever goes in first."""
        self._delay = delay
        self._line: deque[T] = deque([] if first is None else [first] * delay)

    def __call__(self, value: T) -> T:
        """Put `value` in and take out what is due."""
        if not self._delay:
            return value
        if not self._line:
            self._line.extend([value] * self._delay)
        self._line.append(value)
        return self._line.popleft()


class Play:
    """Backlash: the output stands still until the input has crossed the gap, then is dragged along by its edge.

    The play operator of hysteresis models (Krasnosel'skii and Pokrovskii, Systems with Hysteresis, 1989):
    output = clip(output before, input - width / 2, input + width / 2).
    """

    def __init__(self, width: Array, start: Array):
        """`width`: `(n,)` of the gap from end to end; `start`: `(n,)` where the output is, in the middle of the gap."""
        self._half, self._output = 0.5 * width, start

    def __call__(self, value: Array) -> Array:
        """Return the output for this input, `(n,)`."""
        self._output = np.minimum(np.maximum(self._output, value - self._half), value + self._half)
        return self._output


class LossyLine(Generic[T]):
    """A link that loses a value now and then: what was received last stays. The first always arrives."""

    def __init__(self, probability: float, generator: np.random.Generator):
        self._probability, self._generator = probability, generator
        self._last: T | None = None

    def __call__(self, value: T) -> T:
        """Return `value`, or what came out before where it was lost."""
        if not self._probability:
            return value
        lost = self._generator.random() < self._probability  # drawn each time: what is lost depends on the step alone
        if self._last is None or not lost:
            self._last = value
        return self._last
