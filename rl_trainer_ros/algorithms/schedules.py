"""Schedules of the learning rate: functions of the share of the training that is left, from 1 to 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

Schedule = Callable[[float], float]
END_SHARE = 0.1
"""Share of the initial rate at the end. It is not zero, so that a longer run still learns."""


def constant(start: float) -> Schedule:
    """Return a constant rate."""
    return lambda left: start


def linear(start: float) -> Schedule:
    """Return a rate that decreases linearly from `start` to END_SHARE of it."""
    return lambda left: start * (END_SHARE + (1.0 - END_SHARE) * left)


def cosine(start: float) -> Schedule:
    """Return a rate that decreases from `start` to END_SHARE of it along half a cosine (Loshchilov and Hutter, SGDR, 2017)."""
    return lambda left: start * (END_SHARE + (1.0 - END_SHARE) * 0.5 * (1.0 - math.cos(math.pi * left)))


SCHEDULES: Mapping[str, Callable[[float], Schedule]] = MappingProxyType(
    {"constant": constant, "linear": linear, "cosine": cosine}
)
