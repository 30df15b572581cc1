"""The memory of an observation of encoded states: the last states of the episode, or an estimate of the target.

It is a function of the stamps and states since the episode's start. These are the same bits in process and over topics, so the
memory is too. A checkpoint does not contain it: robots are reset after each exact checkpoint, and a memory begins anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

import numpy as np

from robot_interface_ros.robot import Array

_NANOSECOND_S = 1e-9
_LEAST_LOG_STD, _MOST_LOG_STD = np.log(1e-3), np.log(3.0)  # ln m: what an image of an arm's workspace can tell


class StateMemory(ABC):
    """Turns each encoded state into the part of the observation that depends on states."""

    def __init__(self) -> None:
        self._stamp: int | None = None
        self._seen: Array = np.zeros(0)

    def begin(self) -> None:
        """Forget everything: an episode starts."""
        self._stamp = None
        self._forget()

    def seen(self, stamp: int, state: Array) -> Array:
        """Return the part of the observation at `stamp`, ns, after the state of that moment; the same for the same stamp."""
        if stamp != self._stamp:
            passed_s = 0.0 if self._stamp is None else (stamp - self._stamp) * _NANOSECOND_S
            self._stamp, self._seen = stamp, self._after(passed_s, state)
        return self._seen

    @abstractmethod
    def _forget(self) -> None: ...

    @abstractmethod
    def _after(self, passed_s: float, state: Array) -> Array: ...


class LastStates(StateMemory):
    """The last `count` states side by side, oldest first; at an episode's start the first one is repeated.

    With `first`, the state of the episode's first moment comes before them: the arm has not yet hidden a target then.
    """

    def __init__(self, count: int, first: bool = False):
        super().__init__()
        self._states: deque[Array] = deque(maxlen=count)
        self._count = count
        self._shows_first = first
        self._first: list[Array] = []

    def _forget(self) -> None:
        self._states.clear()
        self._first = []

    def _after(self, passed_s: float, state: Array) -> Array:
        self._states.extend([state] * (1 if self._states else self._count))
        if self._shows_first and not self._first:
            self._first = [state]
        return np.concatenate([*self._first, *self._states])


class TargetFilter(StateMemory):
    """Position of the target and its standard deviation, m: a Kalman filter over the estimates of an episode's images.

    An estimate is `(6,)`: x, y, z in m and the natural logarithm of the standard deviation of each, m. The target moves by a
    random walk of `wander` m in a second, and the axes are independent. Where the arm hides the target, the encoder is
    uncertain, the gain is small, and the filter holds the position from before.

    The errors of successive images are alike, because the images are; taken as independent they would seem to average away.
    Errors whose correlation is r = exp(-time / correlation_s) have (1 - r) / (1 + r) of the weight of independent ones, as in
    the variance of the mean of a first-order autoregressive process.
    """

    def __init__(self, wander: float, correlation_s: float):
        super().__init__()
        self._wander, self._correlation_s = wander, correlation_s
        self._forget()

    def _forget(self) -> None:
        self._position, self._variance = np.zeros(3), np.zeros(3)
        self._begun = False

    def _after(self, passed_s: float, state: Array) -> Array:
        measured = state[:3]
        variance = np.exp(2.0 * np.minimum(np.maximum(state[3:6], _LEAST_LOG_STD), _MOST_LOG_STD))
        if not self._begun:
            self._begun, self._position, self._variance = True, measured, variance
        else:
            r = np.exp(-passed_s / self._correlation_s)
            expected = self._variance + self._wander**2 * passed_s
            gain = expected / (expected + variance * (1.0 + r) / (1.0 - r))
            self._position = self._position + gain * (measured - self._position)
            self._variance = (1.0 - gain) * expected
        return np.concatenate([self._position, np.sqrt(self._variance)])


def in_root(estimate: Array, origin: Array, rotation: Array) -> Array:
    """Return an estimate `(6,)` of a frame in the root frame: x, y, z in m, and ln of the standard deviation of each, m.

    `origin` `(3,)` m and `rotation` `(3, 3)`: pose of the frame. The errors of the axes are independent in the frame; in the
    root frame only the deviation of each axis is kept.
    """
    variance = np.exp(2.0 * np.minimum(np.maximum(estimate[3:6], _LEAST_LOG_STD), _MOST_LOG_STD))
    return np.concatenate([origin + rotation @ estimate[:3], 0.5 * np.log(np.square(rotation) @ variance)])
