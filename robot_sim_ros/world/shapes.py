"""The objects of a world as URDF text, made of primitives. Pure functions; lengths in m.

The origin of an object is the point at which it is placed: the tomato's centre, the middle of a table's top, the top of a
button's plunger. So one call places an object.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from robot_interface_ros.robot_config import Arena, Vector
from robot_sim_ros.world.kinds import Button, Distractors, Table, TomatoPlant

Colour = tuple[float, float, float]
# Different in hue and lightness, so that hand (white, grey), table and button can be distinguished in 64 x 64 pixels.
WOOD, LEG, HOUSING, FOIL = (0.50, 0.33, 0.18), (0.25, 0.25, 0.27), (0.95, 0.78, 0.10), (0.12, 0.30, 0.85)
PLUNGERS: tuple[Colour, ...] = ((0.85, 0.07, 0.07), (0.10, 0.60, 0.20), (0.15, 0.25, 0.85), (0.75, 0.20, 0.75))
DISTRACTORS: tuple[Colour, ...] = ((0.15, 0.35, 0.85), (0.55, 0.20, 0.70), (0.10, 0.60, 0.55), (0.95, 0.50, 0.10))
TOMATO, UNRIPE, STEM, LEAF, POT = (
    (0.85, 0.10, 0.06),
    (0.75, 0.62, 0.15),
    (0.25, 0.45, 0.15),
    (0.15, 0.50, 0.18),
    (0.62, 0.32, 0.20),
)
PLUNGER_JOINT = 0  # PyBullet's index in the button's URDF
_NO_TURN: Vector = (0.0, 0.0, 0.0)
_GAP = 0.006  # between plunger and housing, so that neither hides the other's edge


@dataclass(frozen=True)
class Solid:
    """One primitive. `size`: edges of a box, radius of a sphere, or radius and length (along z) of a cylinder."""

    kind: str
    size: tuple[float, ...]
    colour: Colour
    xyz: Vector = (0.0, 0.0, 0.0)
    rpy: Vector = _NO_TURN
    collides: bool = True

    def geometry(self) -> str:
        """Return the URDF element."""
        if self.kind == "box":
            return f'<box size="{_words(self.size)}"/>'
        if self.kind == "sphere":
            return f'<sphere radius="{self.size[0]!r}"/>'
        return f'<cylinder radius="{self.size[0]!r}" length="{self.size[1]!r}"/>'


def one_link(name: str, solids: list[Solid], mass: float = 0.0, rolling_friction: float = 0.0) -> str:
    """Return a body with one link; mass 0: it does not move. PyBullet computes the inertia from the shapes."""
    return f'<robot name="{name}">\n{_link(name, solids, mass, rolling_friction)}</robot>\n'


def table_urdf(table: Table, floor: float) -> str:
    """Return a table with one leg; `floor`: height of the top above the floor."""
    (x, y), thickness = table.size, table.thickness
    leg = max(floor - thickness, 0.01)
    foot = min(0.3, 0.9 * min(x, y))
    return one_link(
        "table",
        [
            Solid("box", (x, y, thickness), WOOD, (0.0, 0.0, -thickness / 2)),
            Solid("box", (0.05, 0.05, leg), LEG, (0.0, 0.0, -thickness - leg / 2)),
            Solid("box", (foot, foot, 0.02), LEG, (0.0, 0.0, -floor + 0.01)),
        ],
    )


def button_urdf(button: Button, number: int) -> str:
    """Return a housing with a sliding plunger; the joint's position is how far the button is pressed."""
    high = button.height - button.travel - _GAP
    width = 2.0 * button.radius + 0.02
    housing = Solid("box", (width, width, high), HOUSING, (0.0, 0.0, high / 2 - button.height))
    length = button.travel + _GAP + 0.5 * high
    plunger = Solid("cylinder", (button.radius, length), PLUNGERS[number % len(PLUNGERS)], (0.0, 0.0, -length / 2))
    return f"""<robot name="button_{number}">
{_link("housing", [housing], 0.0)}{_link("plunger", [plunger], 0.05)}<joint name="plunger_joint" type="prismatic">
  <parent link="housing"/><child link="plunger"/><axis xyz="0 0 -1"/>
  <limit lower="0" upper="{button.travel!r}" effort="1000" velocity="1"/>
</joint>
</robot>
"""


def distractor_urdf(distractors: Distractors, number: int) -> str:
    """Return a box, a ball or a cylinder, depending on `number`."""
    size, high, colour = distractors.size, distractors.height(number), DISTRACTORS[number % len(DISTRACTORS)]
    solids = (
        Solid("box", (size, size, high), colour),
        Solid("sphere", (size / 2,), colour),
        Solid("cylinder", (size / 2, high), colour),
    )
    # Without it, a ball would roll for ever. It costs time at every contact, so only balls have it.
    rolling_friction = 2e-4 if number % 3 == 1 else 0.0
    return one_link(f"distractor_{number}", [solids[number % 3]], distractors.mass, rolling_friction)


def tomato_plant_urdf(plant: TomatoPlant, radius: float) -> str:
    """Return a stake in a pot with leaves and tomatoes. The ripe one, next to the stake, is the target, with `radius`."""
    beside, foot = 0.06, -plant.height
    stake = plant.height + 0.08
    solids = [
        Solid("sphere", (radius,), TOMATO),
        Solid("cylinder", (0.004, beside), STEM, (beside / 2, 0.0, 0.02), (0.0, math.pi / 2, 0.0)),
        Solid("cylinder", (0.006, stake), STEM, (beside, 0.0, foot + stake / 2)),
        Solid("cylinder", (0.065, 0.09), POT, (beside, 0.0, foot + 0.045)),
        Solid("cylinder", (0.075, 0.02), POT, (beside, 0.0, foot + 0.09)),
        Solid("sphere", (0.7 * radius,), UNRIPE, (beside + 0.035, 0.03, 0.35 * foot)),
    ]
    for k in range(7):  # leaves around the stake, each a thin tilted box
        turn, up = 2.4 * k + 0.8, foot + plant.height * (0.42 + 0.115 * k)
        out = 0.045
        place = (beside + out * math.cos(turn), out * math.sin(turn), up)
        solids.append(Solid("box", (0.085, 0.04, 0.004), LEAF, place, (0.2, 0.35, turn)))
    if plant.stand > 0.0:
        solids.append(Solid("cylinder", (0.09, 0.015), WOOD, (beside, 0.0, foot - 0.0075)))
        solids.append(Solid("cylinder", (0.015, plant.stand), LEG, (beside, 0.0, foot - plant.stand / 2)))
    return one_link("tomato_plant", [_ghost(solid) for solid in solids])


def arena_urdf(arena: Arena) -> str:
    """Return four thin bars around the arena's square; the origin is its centre."""
    half, thick = arena.half_width, 0.004
    bars = [((2 * half, thick, thick), (0.0, side * half, 0.0)) for side in (-1, 1)]
    bars += [((thick, 2 * half, thick), (side * half, 0.0, 0.0)) for side in (-1, 1)]
    return one_link("arena", [_ghost(Solid("box", size, FOIL, place)) for size, place in bars])


def _ghost(solid: Solid) -> Solid:
    return Solid(solid.kind, solid.size, solid.colour, solid.xyz, solid.rpy, collides=False)


def _link(name: str, solids: list[Solid], mass: float, rolling_friction: float = 0.0) -> str:
    lines = [f'<link name="{name}">']
    lines.append(
        f'  <contact><lateral_friction value="0.6"/><rolling_friction value="{rolling_friction!r}"/></contact>'
    )
    inertia = 1e-4 if mass else 0.0
    diagonal = " ".join(f'{axis}="{inertia!r}"' for axis in ("ixx", "iyy", "izz"))
    lines.append(f'  <inertial><mass value="{mass!r}"/><inertia {diagonal} ixy="0" ixz="0" iyz="0"/></inertial>')
    for k, solid in enumerate(solids):
        where = f'<origin xyz="{_words(solid.xyz)}" rpy="{_words(solid.rpy)}"/>'
        shape = f"{where}<geometry>{solid.geometry()}</geometry>"
        colour = f'<material name="{name}_{k}"><color rgba="{_words(solid.colour)} 1"/></material>'
        lines.append(f"  <visual>{shape}{colour}</visual>")
        if solid.collides:
            lines.append(f"  <collision>{shape}</collision>")
    return "\n".join([*lines, "</link>\n"])


def _words(numbers: tuple[float, ...]) -> str:
    return " ".join(repr(float(number)) for number in numbers)
