"""How targets move: pure in the positions that they are given. Lengths in m, root frame."""

from __future__ import annotations

import numpy as np

from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import Arena
from robot_sim_ros.world.kinds import Bounce, Motion, Pursue


def arena_scale(arena: Arena | None, unit: str) -> float:
    """Metres in a unit: 1 for metres, a unit of the tasks in the robot's arena."""
    return arena.unit_m if unit == "arena" and arena is not None else 1.0


def bounced(place: float, way: float, step: float, half_range: float) -> tuple[float, float]:
    """The next place on a line and the way (1 or -1) onwards; at `half_range` to either side of 0 it turns back."""
    place += way * step
    if way * place > half_range:
        return way * 2.0 * half_range - place, -way
    return place, way


def pursued(place: Array, quarry: Array, step: float, arena: Arena) -> Array:
    """The next place of a pursuer: one step (or what is left of the way) in x and y, and no further than the arena."""
    way = (quarry - place)[:2]
    distance = float(np.sqrt(way @ way))
    after = place.copy()
    if distance > 0.0:
        after[:2] += way * (min(step, distance) / distance)
    centre = np.array(arena.centre[:2])
    after[:2] = np.clip(after[:2], centre - arena.half_width, centre + arena.half_width)
    return after


class StillMover:
    """Stays."""

    moves = False
    needs_hand = False

    def start(self, first: Array, generator: np.random.Generator) -> None:
        """Begin an episode at `first`, `(3,)`."""
        self._place = first

    def step(self, hand: Array | None) -> Array:
        """Return where the target is one control period later, `(3,)`."""
        return self._place


class BounceMover:
    """To and fro along an axis through the place of the start."""

    moves = True
    needs_hand = False

    def __init__(self, axis: str, step_m: float, half_range_m: float, middle: Array):
        """`middle`: `(3,)`, to whose either side it goes."""
        self._index = "xyz".index(axis)
        self._step, self._half_range, self._middle = step_m, half_range_m, float(middle[self._index])
        self._first, self._along, self._way = np.zeros(3), 0.0, 1.0

    def start(self, first: Array, generator: np.random.Generator) -> None:
        """See StillMover. A start beyond the range goes back into it."""
        self._first, self._along = first, float(first[self._index]) - self._middle
        drawn = 1.0 if generator.integers(2) else -1.0
        self._way = drawn if abs(self._along) <= self._half_range else -float(np.sign(self._along))

    def step(self, hand: Array | None) -> Array:
        """See StillMover."""
        self._along, self._way = bounced(self._along, self._way, self._step, self._half_range)
        after = self._first.copy()
        after[self._index] = self._middle + self._along
        return after


class PursueMover:
    """After the end effector, as it was observed last."""

    moves = True
    needs_hand = True

    def __init__(self, step_m: float, arena: Arena):
        self._step, self._arena, self._place = step_m, arena, np.zeros(3)

    def start(self, first: Array, generator: np.random.Generator) -> None:
        """See StillMover."""
        self._place = first

    def step(self, hand: Array | None) -> Array:
        """See StillMover; `hand`: `(3,)` where the end effector is."""
        assert hand is not None
        self._place = pursued(self._place, hand, self._step, self._arena)
        return self._place


Mover = StillMover | BounceMover | PursueMover


def make_mover(motion: Motion, middle: Array, arena: Arena | None) -> Mover:
    """`middle`: the target's anchor with its offset; `arena`: the robot's, where the motion refers to it."""
    if isinstance(motion, Bounce):
        scale = arena_scale(arena, motion.unit)
        return BounceMover(motion.axis, motion.step * scale, motion.half_range * scale, middle)
    if isinstance(motion, Pursue):
        assert arena is not None  # the world has asked the robot for one
        return PursueMover(motion.step * arena_scale(arena, motion.unit), arena)
    return StillMover()
