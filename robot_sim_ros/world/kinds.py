"""The kinds of objects and of motions that a world's file can list, each with its settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.robot_config import Vector

UNITS = ("metre", "arena")


@dataclass(frozen=True)
class Marker:
    """A sphere at the target, without collisions; its radius is the simulation's `target_radius`."""


@dataclass(frozen=True)
class TomatoPlant:
    """A plant in a pot, whose ripe tomato is at the target; visible, without collisions."""

    height: float = option(0.30, "from the bottom of the pot to the tomato, m", minimum=0.1, maximum=2.0)
    stand: float = option(0.80, "height of the stand under the pot, m; 0: no stand", minimum=0.0, maximum=2.0)


@dataclass(frozen=True)
class Table:
    """A table whose top is at the robot's `table`."""

    size: tuple[float, float] = option((0.22, 0.44), "edges of the top along x and y, m")
    thickness: float = option(0.03, "thickness of the top, m", minimum=0.001, maximum=1.0)


@dataclass(frozen=True)
class Button:
    """One or several buttons with a plunger and a spring; the top of the first one is at the target."""

    count: int = option(1, "number of buttons", minimum=1, maximum=8)
    spacing: Vector = option(
        (0.0, 0.16, 0.0), "from one button to the next, m; its sign is chosen such that the row goes towards the anchor"
    )
    radius: float = option(0.04, "radius of the plunger, m", minimum=0.005, maximum=0.5)
    height: float = option(
        0.08, "from the bottom of the button to the top of the plunger, m", minimum=0.02, maximum=1.0
    )
    travel: float = option(0.02, "how far the plunger can be pressed, m", minimum=0.001, maximum=0.2)
    spring_force: float = option(3.0, "force that pushes the plunger out, N", minimum=0.1, maximum=1000.0)
    pressed_at: float = option(0.6, "share of the travel beyond which it is pressed", minimum=0.01, maximum=0.99)
    released_at: float = option(0.3, "share of the travel below which it is released", minimum=0.0, maximum=0.99)

    def __post_init__(self) -> None:
        if self.released_at > self.pressed_at:
            raise ConfigError(f"released_at is {self.released_at}; it must not exceed pressed_at {self.pressed_at}")
        if self.travel > self.height / 2:
            raise ConfigError(f"travel is {self.travel} m; it must not exceed half the height, {self.height / 2:g} m")


@dataclass(frozen=True)
class Distractors:
    """Boxes, balls and cylinders on the table, placed according to the episode's seed; the robot can push them.

    With `step` above 0 they also slide about by themselves.
    """

    count: int = option(4, "number of distractors", minimum=1, maximum=50)
    size: float = option(
        0.05, "edge or diameter, m; boxes and cylinders are 1.5 times as high", minimum=0.005, maximum=0.5
    )
    mass: float = option(0.05, "mass of each, kg", minimum=0.001, maximum=10.0)
    gap: float = option(0.005, "least distance between them, and to a button, m", minimum=0.0, maximum=1.0)
    step: float = option(
        0.0,
        "distance that each slides by itself in a control period, m; 0: only the robot moves them",
        minimum=0.0,
        maximum=0.02,
    )

    @property
    def across(self) -> float:
        """From the middle of a distractor to the furthest corner of a turned box, m."""
        return self.size / math.sqrt(2.0)

    def height(self, number: int) -> float:
        """Return the height of a distractor, m; every third one is a ball."""
        return self.size if number % 3 == 1 else 1.5 * self.size


@dataclass(frozen=True)
class ArenaFrame:
    """The outline of the robot's arena; visible, without collisions."""


@dataclass(frozen=True)
class Still:
    """The target does not move."""


@dataclass(frozen=True)
class Bounce:
    """The target moves back and forth along an axis; the episode's seed decides the first direction."""

    axis: str = option("y", "axis of the root frame along which it moves", choices=("x", "y", "z"))
    step: float = option(0.001, "distance per control period", minimum=0.0, maximum=10.0)
    half_range: float = option(0.1, "largest distance from the anchor, on each side", minimum=0.0, maximum=10.0)
    unit: str = option(
        "metre", "unit of step and half_range; arena: the unit in which the arena is 2 x 0.85 wide", choices=UNITS
    )


@dataclass(frozen=True)
class Pursue:
    """The target moves horizontally towards the end effector, and stays within the arena."""

    step: float = option(0.05, "distance per control period", minimum=0.0, maximum=10.0)
    unit: str = option("arena", "unit of step; arena: the unit in which the arena is 2 x 0.85 wide", choices=UNITS)


Motion = Still | Bounce | Pursue
Object = Marker | TomatoPlant | Table | Button | Distractors | ArenaFrame

OBJECTS: Mapping[str, type] = {
    "marker": Marker,
    "tomato_plant": TomatoPlant,
    "table": Table,
    "button": Button,
    "distractors": Distractors,
    "arena": ArenaFrame,
}
MOTIONS: Mapping[str, type] = {"still": Still, "bounce": Bounce, "pursue": Pursue}
