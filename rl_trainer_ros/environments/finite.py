"""Numbers that are not finite (NaN, infinity) are refused before a learner sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from robot_interface_ros.errors import RobotError

LARGEST = float(np.finfo(np.float32).max)
"""Learners hold rewards and observations as float32; what is larger becomes infinity there."""


class NotFinite(RobotError):
    """A number that should be finite is not; one line that says which."""


def check_observation(observation: Any, name: str) -> None:
    """Raise NotFinite for an array, or a dictionary of arrays, with an entry that is not finite in float32.

    `name` stands for the observation in the message.
    """
    if isinstance(observation, Mapping):
        for key, part in observation.items():
            check_observation(part, f"{name}, {key}")
        return
    values = np.asarray(observation)
    if values.dtype.kind != "f":
        return
    bad = ~(np.abs(values) <= LARGEST)
    if bad.any():
        where = tuple(int(index) for index in np.argwhere(bad)[0])
        place = ", ".join(map(str, where))
        raise NotFinite(
            f"the {name} holds {values[where]:g} at index [{place}]; a robot's readings, a target or the observation's own "
            "arithmetic gave it"
        )


def check_reward(reward: float, distance: float, task: str) -> None:
    """Raise NotFinite where a step's reward, or the distance that it tells, m, is not finite in float32."""
    for what, value in (("reward", reward), ("distance", distance)):
        if not abs(value) <= LARGEST:
            raise NotFinite(f"task {task} gave the {what} {value:g}; expected a finite number")
