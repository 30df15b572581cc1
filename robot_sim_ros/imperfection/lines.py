"""Effects on a signal: a delay, backlash, a lossy link. Does not need a simulator."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import numpy as np

from robot_interface_ros.robot import Array

T = TypeVar("T")


class DelayLine(Generic[T]):
    """Returns each value `delay` calls later; until then, it returns the first value."""

    def __init__(self, delay: int, first: T | None = None):
        """`first`: value that fills the line at the start; None: the first value put in."""
        self._delay = delay
        self._line: deque[T] = deque([] if first is None else [first] * delay)

    def __call__(self, value: T) -> T:
        """Put `value` in; return the value of `delay` calls ago."""
        if not self._delay:
            return value
        if not self._line:
            self._line.extend([value] * self._delay)
        self._line.append(value)
        return self._line.popleft()


class Play:
    """Backlash: the output stays until the input has crossed the gap; then the edge of the gap moves it along.

    The play operator of hysteresis models (Krasnosel'skii and Pokrovskii, Systems with Hysteresis, 1989):
    output = clip(previous output, input - width / 2, input + width / 2).
    """

    def __init__(self, width: Array, start: Array):
        """`width`: of the gap, from end to end, `(n,)`; `start`: first output, `(n,)`, in the middle of the gap."""
        self._half, self._output = 0.5 * width, start

    def __call__(self, value: Array) -> Array:
        """Return the output for this input, `(n,)`."""
        self._output = np.minimum(np.maximum(self._output, value - self._half), value + self._half)
        return self._output


class LossyLine(Generic[T]):
    """A link that loses values at random: the last received value repeats. The first value always arrives."""

    def __init__(self, probability: float, generator: np.random.Generator):
        self._probability, self._generator = probability, generator
        self._last: T | None = None

    def __call__(self, value: T) -> T:
        """Return `value`, or the last received one if `value` is lost."""
        if not self._probability:
            return value
        lost = (
            self._generator.random() < self._probability
        )  # sampled at every call, so that losses depend on the step only
        if self._last is None or not lost:
            self._last = value
        return self._last
