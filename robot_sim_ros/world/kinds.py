"""The kinds of objects and of motions that a world's file can list, each with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.robot_config import Vector

UNITS = ("metre", "arena")


@dataclass(frozen=True)
class Marker:
    """A sphere at the target, which nothing touches; its radius is the simulation's `target_radius`."""


@dataclass(frozen=True)
class TomatoPlant:
    """A plant in a pot whose ripe tomato is at the target; to be seen, not to be touched."""

    height: float = option(0.30, "from the foot of the pot up to the tomato, m", minimum=0.1, maximum=2.0)
    stand: float = option(0.80, "height of the stand under the pot, m; 0: none", minimum=0.0, maximum=2.0)


@dataclass(frozen=True)
class Table:
    """A table whose top is at the robot's `table`."""

    size: tuple[float, float] = option((0.22, 0.44), "edges of the top along x and y, m")
    thickness: float = option(0.03, "of the top, m", minimum=0.001, maximum=1.0)


@dataclass(frozen=True)
class Button:
    """A button, or several, with the first one's top at the target: a plunger that a spring pushes out."""

    count: int = option(1, "how many", minimum=1, maximum=8)
    spacing: Vector = option((0.0, 0.16, 0.0), "from one button to the next, m; towards the anchor, not away from it")
    radius: float = option(0.04, "of the plunger, m", minimum=0.005, maximum=0.5)
    height: float = option(0.08, "from the foot to the top of the plunger, m", minimum=0.02, maximum=1.0)
    travel: float = option(0.02, "how far the plunger can be pressed, m", minimum=0.001, maximum=0.2)
    spring_force: float = option(3.0, "that pushes the plunger out, N", minimum=0.1, maximum=1000.0)
    pressed_at: float = option(0.6, "share of the travel beyond which it is pressed", minimum=0.01, maximum=0.99)
    released_at: float = option(0.3, "share of the travel below which it is released", minimum=0.0, maximum=0.99)

    def __post_init__(self) -> None:
        if self.released_at > self.pressed_at:
            raise ConfigError(f"released_at is {self.released_at}; it must not exceed pressed_at {self.pressed_at}")
        if self.travel > self.height / 2:
            raise ConfigError(f"travel is {self.travel} m; it must not exceed half the height, {self.height / 2:g} m")


@dataclass(frozen=True)
class Distractors:
    """Boxes, balls and cylinders in turn on the table, placed by the episode's seed; they can be kicked."""

    count: int = option(4, "how many", minimum=1, maximum=50)
    size: float = option(
        0.05, "edge or diameter, m; boxes and cylinders are half as high again", minimum=0.005, maximum=0.5
    )
    mass: float = option(0.05, "of each, kg", minimum=0.001, maximum=10.0)
    gap: float = option(0.005, "least distance between them, and to a button, m", minimum=0.0, maximum=1.0)

    def height(self, number: int) -> float:
        """How high a distractor is, m; each third one is a ball."""
        return self.size if number % 3 == 1 else 1.5 * self.size


@dataclass(frozen=True)
class ArenaFrame:
    """The outline of the robot's arena; to be seen, not to be touched."""


@dataclass(frozen=True)
class Still:
    """The target stays."""


@dataclass(frozen=True)
class Bounce:
    """The target goes to and fro along an axis; which way first is the episode's seed's to say."""

    axis: str = option("y", "along which it moves, root frame", choices=("x", "y", "z"))
    step: float = option(0.001, "per control period", minimum=0.0, maximum=10.0)
    half_range: float = option(0.1, "how far it goes to either side of the anchor", minimum=0.0, maximum=10.0)
    unit: str = option("metre", "of step and half_range; arena: in which the arena is 2 x 0.85 wide", choices=UNITS)


@dataclass(frozen=True)
class Pursue:
    """The target moves in its plane towards the end effector, and stays within the arena."""

    step: float = option(0.05, "per control period", minimum=0.0, maximum=10.0)
    unit: str = option("arena", "of step; arena: in which the arena is 2 x 0.85 wide", choices=UNITS)


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
