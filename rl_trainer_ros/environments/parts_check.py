"""Refuse what a task or an observation of another package must not return.

Gymnasium and stable-baselines3 would cast or repeat such values without a word, or fail far from the cause.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from gymnasium import spaces

from rl_trainer_ros.tasks import Outcome
from robot_interface_ros.errors import RobotError


class UnsuitableValue(RobotError):
    """A task or an observation returned something unsuitable; the message names it in one line."""


def check_target(target: Any, task: str) -> None:
    """Raise UnsuitableValue unless `target` is a position; None would stand for the robot's default target."""
    if target is None or np.shape(target) != (3,):
        raise UnsuitableValue(f"task {task}: draw_target returned {target!r}; expected a position x, y, z, m")


def check_outcome(outcome: Any, task: str) -> None:
    """Raise UnsuitableValue unless `step` of a task returned a complete Outcome with single numbers."""
    if not isinstance(outcome, Outcome):
        raise UnsuitableValue(
            f"task {task}: step returned {_short(outcome)}; expected an Outcome(reward, terminated, info)"
        )
    for name in ("distance", "is_success"):
        if name not in outcome.info:
            raise UnsuitableValue(f"task {task}: the info of its Outcome has no {name}")
    numbers = {"reward": outcome.reward, "distance": outcome.info["distance"]}
    for name, value in numbers.items():
        if type(value) is not float and not isinstance(value, Real):  # the test of a type takes less time
            raise UnsuitableValue(f"task {task}: the {name} of its Outcome is {_short(value)}; expected a number")
    flags = {"terminated": outcome.terminated, "is_success": outcome.info["is_success"]}
    for name, value in flags.items():
        if type(value) is not bool and not isinstance(value, (np.bool_, int)):
            raise UnsuitableValue(f"task {task}: {name} of its Outcome is {_short(value)}; expected True or False")


def check_observation(observation: Any, space: spaces.Space[Any], name: str) -> None:
    """Raise UnsuitableValue unless arrays have the shape of their space, and a type that fits into its type."""
    if isinstance(space, spaces.Dict):
        for key, part in space.items():
            check_observation(observation[key], part, f"{name}, {key}")
    elif isinstance(space, spaces.Box):
        shape, kind = np.shape(observation), getattr(observation, "dtype", np.dtype(object))
        # Equality first, because it is faster: this runs in each step.
        fits = kind == space.dtype or np.can_cast(kind, space.dtype, "same_kind")
        if shape != space.shape or not fits:
            given = f"shape {shape} and type {kind}" if hasattr(observation, "dtype") else _short(observation)
            raise UnsuitableValue(f"{name} returned {given}; its space has shape {space.shape} and type {space.dtype}")


def _short(value: Any) -> str:
    return " ".join(f"{value!r:.100}".split())
