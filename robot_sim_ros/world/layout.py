"""Positions at the start of an episode. Pure functions; lengths in m, root frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import RobotDescription, Vector
from robot_sim_ros.world.config import Target, WorldConfig
from robot_sim_ros.world.kinds import Button, Distractors, Table

_SPAWN_KEY = int.from_bytes(b"world", "big")  # other users of an episode's seed get other numbers
_MOST_DRAWS = 1000
T = TypeVar("T")
Disc = tuple[Array, float]
"""A place on the table, `(2,)`, and how near the middle of an object may come to it."""
Pose = tuple[tuple[float, float, float], float]
"""Position, and rotation about the vertical, rad."""


def generator_of(seed: int, *purpose: int) -> np.random.Generator:
    """Return a generator for the world of the episode with this seed. Values must be sampled in a fixed order.

    `purpose`: none for the target, 1 for the places of loose objects, 2 for their directions.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_SPAWN_KEY, *purpose)))


def given(setting: T | None) -> T:
    """Return a setting of the robot; `check_robot` has checked that it is there."""
    assert setting is not None
    return setting


def check_robot(world: WorldConfig, description: RobotDescription) -> None:
    """Raise ConfigError if the world needs a setting that the robot file does not have."""
    for name in world.needs:
        if getattr(description.config, name) is None:
            raise ConfigError(
                f"world {world.name} needs the robot's {name}, and robot {description.name} has none; "
                f"add `{name}` to its .yaml file"
            )


def anchor_of(target: Target, description: RobotDescription) -> Array:
    """Return the position of the anchor plus the target's offset, `(3,)`."""
    config = description.config
    if target.anchor == "table":
        anchor = np.array(given(config.table))
    elif target.anchor == "arena":
        anchor = np.array(given(config.arena).centre)
    else:
        anchor = description.default_target() if target.anchor == "rest" else np.zeros(3)
    return np.asarray(anchor + np.array(target.offset))


def first_target(target: Target, anchor: Array, named: Vector | None, generator: np.random.Generator) -> Array:
    """Return the target's first position, `(3,)`: the one that the episode names, or one sampled around the anchor."""
    drawn = anchor + generator.uniform(-1.0, 1.0, 3) * np.array(target.spread)
    return drawn if named is None else np.array(named, dtype=np.float64)


def button_offsets(button: Button, first: Array, anchor: Array) -> list[Array]:
    """Return the offset of each button from the first one, `(3,)`: a row that goes towards the anchor and beyond it."""
    spacing = np.array(button.spacing)
    ahead = float(spacing @ (anchor - first)) >= 0.0
    return [k * (spacing if ahead else -spacing) for k in range(button.count)]


def free_half(distractors: Distractors, table: Table) -> Array:
    """Return half the edges of the part of the table on which the middle of a distractor may be, `(2,)`."""
    return np.maximum(np.array(table.size) / 2 - distractors.across, 0.0)


def kept_clear(distractors: Distractors, buttons: list[Array], button: Button | None) -> list[Disc]:
    """Return the places of the buttons on the table, and how near the middle of a distractor may come to each."""
    if button is None:
        return []
    return [(place[:2], distractors.across + (button.radius + 0.02) + distractors.gap) for place in buttons]


def is_free(place: Array, taken: Sequence[Disc]) -> bool:
    """Return whether a place, `(2,)`, is as far away from each of the others as it must be."""
    return all(np.hypot(*(place - other)) >= least for other, least in taken)


def scattered(
    distractors: Distractors, table: Table, top: Vector, buttons: list[Array], button: Button | None, seed: int
) -> list[Pose]:
    """Return the pose of each distractor: on the table, at a distance from each other and from the buttons.

    `top`: middle of the table's top; `buttons`: their positions, of which x and y are used. Raises RobotError if the
    distractors do not fit on the table.
    """
    generator = generator_of(seed, 1)
    across, free = distractors.across, free_half(distractors, table)
    taken = kept_clear(distractors, buttons, button)
    poses: list[Pose] = []
    for k in range(distractors.count):
        for _ in range(_MOST_DRAWS):
            place = np.array(top[:2]) + generator.uniform(-free, free)
            if is_free(place, taken):
                break
        else:
            raise RobotError(
                f"no room on the table for {distractors.count} distractors of {distractors.size} m; "
                "choose fewer or smaller ones, or a larger table"
            )
        taken.append((place, across + across + distractors.gap))
        centre = float(place[0]), float(place[1]), top[2] + distractors.height(k) / 2
        poses.append((centre, float(generator.uniform(-np.pi, np.pi))))
    return poses
