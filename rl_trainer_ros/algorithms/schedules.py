"""Schedules of the learning rate: functions of the share of the training that is left, from 1 to 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

Schedule = Callable[[float], float]
END_SHARE = 0.1
"""Default share of the initial rate at the end. It is not zero, so that a longer run still learns."""


def constant(start: float, end_share: float = END_SHARE) -> Schedule:
    """Return a constant rate; `end_share` has no effect."""
    return lambda left: start


def linear(start: float, end_share: float = END_SHARE) -> Schedule:
    """Return a rate that decreases linearly from `start` to `end_share` of it, and is never below 0.

    The last rollout may end after the training's number of steps, where less than nothing is left.
    """
    return lambda left: start * max(0.0, end_share + (1.0 - end_share) * left)


def cosine(start: float, end_share: float = END_SHARE) -> Schedule:
    """Return a rate that decreases from `start` to `end_share` of it along half a cosine.

    Source: Loshchilov and Hutter, SGDR, 2017.
    """
    return lambda left: start * (end_share + (1.0 - end_share) * 0.5 * (1.0 - math.cos(math.pi * left)))


SCHEDULES: Mapping[str, Callable[..., Schedule]] = MappingProxyType(
    {"constant": constant, "linear": linear, "cosine": cosine}
)
