"""Learning rates over a training: from the share of it that is left to a rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

Schedule = Callable[[float], float]
END_SHARE = 0.1
"""What is left of a falling rate at the end. Not zero: a run that is extended goes on learning."""


def constant(start: float) -> Schedule:
    """Always `start`."""
    return lambda left: start


def linear(start: float) -> Schedule:
    """Falls from `start` in a straight line to END_SHARE of it."""
    return lambda left: start * (END_SHARE + (1.0 - END_SHARE) * left)


def cosine(start: float) -> Schedule:
    """Falls from `start` to END_SHARE of it along half a cosine (Loshchilov and Hutter, SGDR, 2017), slow at both ends."""
    return lambda left: start * (END_SHARE + (1.0 - END_SHARE) * 0.5 * (1.0 - math.cos(math.pi * left)))


SCHEDULES: Mapping[str, Callable[[float], Schedule]] = MappingProxyType(
    {"constant": constant, "linear": linear, "cosine": cosine}
)
