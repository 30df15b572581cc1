"""Motion of targets, computed without a simulator. Lengths in m, root frame."""

from __future__ import annotations

import numpy as np

from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import Arena
from robot_sim_ros.world.kinds import Bounce, Motion, Pursue


def arena_scale(arena: Arena | None, unit: str) -> float:
    """Return the length of a unit in m: 1 for "metre", the unit of the robot's arena for "arena"."""
    return arena.unit_m if unit == "arena" and arena is not None else 1.0


def bounced(place: float, way: float, step: float, half_range: float) -> tuple[float, float]:
    """Return the next position on a line, and the direction (1 or -1) afterwards; it turns back at ±`half_range`."""
    place += way * step
    if way * place > half_range:
        return way * 2.0 * half_range - place, -way
    return place, way


def pursued(place: Array, quarry: Array, step: float, arena: Arena) -> Array:
    """Return the pursuer's next position, `(3,)` m: at most one step towards `quarry` in x and y, and within the arena."""
    way = (quarry - place)[:2]
    distance = float(np.sqrt(way @ way))
    after = place.copy()
    if distance > 0.0:
        after[:2] += way * (min(step, distance) / distance)
    centre = np.array(arena.centre[:2])
    after[:2] = np.clip(after[:2], centre - arena.half_width, centre + arena.half_width)
    return after


class StillMover:
    """Keeps the target where it is."""

    moves = False
    needs_hand = False

    def start(self, first: Array, generator: np.random.Generator) -> None:
        """Begin an episode at `first`, `(3,)`."""
        self._place = first

    def step(self, hand: Array | None) -> Array:
        """Return the target's position one control period later, `(3,)`."""
        return self._place


class BounceMover:
    """Moves the target back and forth along an axis through its first position."""

    moves = True
    needs_hand = False

    def __init__(self, axis: str, step_m: float, half_range_m: float, middle: Array):
        """`middle`: centre of the motion, `(3,)`."""
        self._index = "xyz".index(axis)
        self._step, self._half_range, self._middle = step_m, half_range_m, float(middle[self._index])
        self._first, self._along, self._way = np.zeros(3), 0.0, 1.0

    def start(self, first: Array, generator: np.random.Generator) -> None:
        """See StillMover. From a start outside of the range, the target first moves back into it."""
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
    """Moves the target towards the end effector."""

    moves = True
    needs_hand = True

    def __init__(self, step_m: float, arena: Arena):
        self._step, self._arena, self._place = step_m, arena, np.zeros(3)

    def start(self, first: Array, generator: np.random.Generator) -> None:
        """See StillMover."""
        self._place = first

    def step(self, hand: Array | None) -> Array:
        """See StillMover; `hand`: position of the end effector, `(3,)`."""
        assert hand is not None
        self._place = pursued(self._place, hand, self._step, self._arena)
        return self._place


Mover = StillMover | BounceMover | PursueMover


def make_mover(motion: Motion, middle: Array, arena: Arena | None) -> Mover:
    """Make the mover; `middle`: the anchor plus the target's offset; `arena`: the robot's, if the motion needs it."""
    if isinstance(motion, Bounce):
        scale = arena_scale(arena, motion.unit)
        return BounceMover(motion.axis, motion.step * scale, motion.half_range * scale, middle)
    if isinstance(motion, Pursue):
        assert arena is not None  # check_robot has checked that the robot has one
        return PursueMover(motion.step * arena_scale(arena, motion.unit), arena)
    return StillMover()
