"""Loose objects that slide about a table by themselves, computed without a simulator. Lengths in m, root frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robot_interface_ros.robot import Array
from robot_sim_ros.world.layout import Disc, is_free


def slid(place: Array, way: Array, step: float, low: Array, high: Array, others: Sequence[Disc]) -> tuple[Array, Array]:
    """Return an object's next place, `(2,)`, and its direction afterwards, `(2,)` of length 1.

    It goes straight on. At the edge of `low` to `high` it is reflected; in front of another object it stays for this period
    and turns back. `others`: their places, and how near it may come to each.
    """
    ahead = place + step * way
    beyond = ((ahead < low) & (way < 0.0)) | ((ahead > high) & (way > 0.0))
    if beyond.any():
        way = np.where(beyond, -way, way)
        ahead = place + step * way
    nearer = [(other, least) for other, least in others if (other - place) @ way > 0.0]  # it may always move away
    return (ahead, way) if is_free(ahead, nearer) else (place, -way)


class Wanderers:
    """The directions of the objects; drawn anew in each episode."""

    def __init__(self, count: int, step: float):
        self._count, self._step = count, step
        self._ways: list[Array] = []

    def start(self, generator: np.random.Generator) -> None:
        """Draw the directions of an episode."""
        angles = generator.uniform(-np.pi, np.pi, self._count)
        self._ways = [np.array((np.cos(angle), np.sin(angle))) for angle in angles.tolist()]

    def step(
        self, places: Sequence[Array | None], low: Array, high: Array, fixed: Sequence[Disc], apart: float
    ) -> list[Array | None]:
        """Return the places, `(2,)`, one control period later. None: the object no longer stands on the table.

        `low`, `high`: the part of the table on which an object's middle may be; `fixed`: places of what never moves, and how
        near an object may come to each; `apart`: least distance between two objects.
        """
        now = list(places)
        for k, place in enumerate(now):
            if place is not None:
                others = [(other, apart) for i, other in enumerate(now) if i != k and other is not None]
                now[k], self._ways[k] = slid(place, self._ways[k], self._step, low, high, [*fixed, *others])
        return now
