"""Refuse numbers that are not finite (NaN, infinity) before a learner sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from robot_interface_ros.errors import RobotError

LARGEST = float(np.finfo(np.float32).max)
"""Learners store rewards and observations as float32; larger numbers would become infinity."""
_FEW = 200


class NotFinite(RobotError):
    """A number is NaN or infinite; the message names it in one line."""


def check_observation(observation: Any, name: str) -> None:
    """Raise NotFinite for an array, or a dictionary of arrays, with an entry that is not finite in float32.

    `name`: name of the observation in the message.
    """
    if isinstance(observation, Mapping):
        for key, part in observation.items():
            check_observation(part, f"{name}, {key}")
        return
    values = np.asarray(observation)
    if values.dtype.kind != "f":
        return
    # NaN and infinity stay in a sum. For the few numbers of most observations, it takes a tenth of the time of NumPy's calls.
    if values.dtype == np.float32 and values.ndim == 1 and len(values) <= _FEW and math.isfinite(sum(values.tolist())):
        return
    bad = ~(np.abs(values) <= LARGEST)
    if bad.any():
        where = tuple(int(index) for index in np.argwhere(bad)[0])
        place = ", ".join(map(str, where))
        raise NotFinite(
            f"the {name} holds {values[where]:g} at index [{place}]; it comes from a robot's readings, from a target or from "
            "the observation's own computation"
        )


def check_reward(reward: float, distance: float, task: str) -> None:
    """Raise NotFinite if the reward or the distance (m) of a step is not finite in float32."""
    for name, value in (("reward", reward), ("distance", distance)):
        if not abs(value) <= LARGEST:
            raise NotFinite(f"task {task} gave the {name} {value:g}; expected a finite number")
