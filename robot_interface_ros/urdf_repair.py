"""Repair what published robot descriptions often have wrong: URDF text in, URDF text and a line for each kind of fault out.

A description that is only ever shown may hold placeholders that no simulation can use: limits upside down, a top speed of
0, an effort of 1000, masses in grams. What is guessed here is on the safe side; figures of the real robot are better.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from robot_interface_ros.robot_model import Joint, RobotModel
from robot_interface_ros.urdf_pose import element_pose

GUESSED_SPEED = {"revolute": 0.5, "continuous": 0.5, "prismatic": 0.1}
"""Top speed, rad/s or m/s, where a description says 0: a hobby servo under load."""
DENSEST = 8000.0
"""kg/m3, steel: a link with more than this in its bounding box cannot be."""
PLACEHOLDER_EFFORT = 1000.0
"""N·m; this and more counts as a placeholder where gravity asks for less than a HARDLY_USED-th of it."""
HARDLY_USED = 50.0
EFFORT_FACTOR, LEAST_EFFORT = 3.0, 0.5
"""A guessed effort is so many times gravity's greatest torque, and at least so many N·m."""
GRAVITY = 9.81

Extents = tuple[float, float, float]
MeshExtents = Callable[[ElementTree.Element], "Extents | None"]
"""From a <mesh> element to the edges of its bounding box, m; None where that is not known."""


@dataclass(frozen=True)
class Repaired:
    """URDF text, and one line for each kind of fault that it no longer has."""

    text: str
    notes: tuple[str, ...]


def repair(
    text: str,
    moving: Collection[str] | None = None,
    known_speeds: Collection[str] = (),
    mesh_extents: MeshExtents = lambda mesh: None,
) -> Repaired:
    """Repair a URDF; without a fault the text comes back as it was.

    `moving`: joints whose speeds and efforts matter, with those that follow them (None: all); `known_speeds`: joints whose
    top speed is given elsewhere. What is not a robot is left to RobotModel to refuse.
    """
    try:
        robot = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return Repaired(text, ())
    driven = _driven(robot, moving)
    notes = [
        *_swap_limits(robot),
        *_divide_masses(robot, mesh_extents),
        *_give_speeds(robot, driven, known_speeds),
        *_give_efforts(robot, driven),
    ]
    return Repaired(ElementTree.tostring(robot, encoding="unicode"), tuple(notes)) if notes else Repaired(text, ())


def _swap_limits(robot: ElementTree.Element) -> list[str]:
    swapped = []
    for name, _, limit in _limited(robot):
        lower, upper = limit.get("lower", "0"), limit.get("upper", "0")
        if _value(lower) > _value(upper):
            limit.set("lower", upper)
            limit.set("upper", lower)
            swapped.append(name)
    return _note(swapped, "lower limit above the upper one, swapped")


def _divide_masses(robot: ElementTree.Element, mesh_extents: MeshExtents) -> list[str]:
    """Take masses for grams where they do not fit into their link's bounding box, inertias with them."""
    impossible: list[str] = []
    possible: list[str] = []
    inertials = {link.get("name", ""): link.find("inertial") for link in robot.findall("link")}
    for link in robot.findall("link"):
        volume = sum(_volume(shape, mesh_extents) for shape in (*link.findall("visual"), *link.findall("collision")))
        mass = _mass(inertials[link.get("name", "")])
        if mass > 0.0 and volume > 0.0:
            (impossible if mass > DENSEST * volume else possible).append(link.get("name", ""))
    if not impossible:
        return []
    # Links without a shape have the unit that most of the others have.
    grams = [name for name, inertial in inertials.items() if _mass(inertial) > 0.0 and name not in possible]
    if len(possible) > len(impossible):
        grams = impossible
    for name in grams:
        inertial = inertials[name]
        assert inertial is not None  # it has a mass
        for element in (*inertial.findall("mass"), *inertial.findall("inertia")):
            for key, value in element.attrib.items():
                element.set(key, repr(_value(value) / 1000.0))
    return _note(grams, "masses denser than steel, taken for grams and divided by 1000", "links")


def _driven(robot: ElementTree.Element, moving: Collection[str] | None) -> set[str]:
    """Names of the joints that move: those of `moving`, and those that follow them."""
    follows = {}
    for joint in robot.findall("joint"):
        mimic = joint.find("mimic")
        follows[joint.get("name", "")] = mimic.get("joint") if mimic is not None else None
    driven = {name for name in follows if moving is None or name in moving}
    while more := {name for name, leader in follows.items() if leader in driven} - driven:
        driven |= more
    return driven


def _give_speeds(robot: ElementTree.Element, driven: Collection[str], known: Collection[str]) -> list[str]:
    guessed = []
    for name, kind, limit in _limited(robot, unbounded=True):
        if name in driven and _value(limit.get("velocity", "0")) == 0.0:
            limit.set("velocity", repr(GUESSED_SPEED[kind]))
            if name in known:
                limit.set("velocity", "1e9")  # so that what is given elsewhere counts alone
            else:
                guessed.append(name)
    turn, slide = GUESSED_SPEED["revolute"], GUESSED_SPEED["prismatic"]
    fault = f"a top speed of 0, set to {turn:g} rad/s ({slide:g} m/s), since max_velocity gives none"
    return _note(guessed, fault)


def _give_efforts(robot: ElementTree.Element, driven: Collection[str]) -> list[str]:
    wanting = []
    for name, _, limit in _limited(robot, unbounded=True):
        effort = _value(limit.get("effort", "0"))
        if name not in driven:
            continue
        if effort == 0.0 or effort >= PLACEHOLDER_EFFORT:
            limit.set("effort", repr(effort))
            wanting.append((name, limit, effort))
    masses = {link.get("name", ""): _mass_and_offset(link) for link in robot.findall("link")}
    if not wanting or not any(mass for mass, _ in masses.values()):
        return []
    model = RobotModel.from_urdf(ElementTree.tostring(robot, encoding="unicode"))
    guessed = []
    for name, limit, effort in wanting:
        load = _greatest_load(model, model.joints[name], masses)
        if effort == 0.0 or effort > HARDLY_USED * load:
            limit.set("effort", f"{max(LEAST_EFFORT, EFFORT_FACTOR * load):.3g}")
            guessed.append(f"{name} {limit.get('effort')}")
    return _note(guessed, f"an effort of 0 or {PLACEHOLDER_EFFORT:g}, set by what gravity asks for, N·m")


def _greatest_load(model: RobotModel, joint: Joint, masses: Mapping[str, tuple[float, float]]) -> float:
    """Upper bound of gravity's torque on a joint, N·m (force, N, for a prismatic one): everything beyond it stretched out."""
    reach = {joint.child: 0.0}
    for link in model.local_poses([0.0] * len(model.joint_names)):  # parents first
        carrier = model.parent_joint(link)
        if carrier is not None and carrier.parent in reach and link not in reach:
            reach[link] = reach[carrier.parent] + float(np.linalg.norm(carrier.xyz))
    if joint.type == "prismatic":
        return GRAVITY * sum(masses[link][0] for link in reach)
    return GRAVITY * sum(masses[link][0] * (way + masses[link][1]) for link, way in reach.items())


def _limited(robot: ElementTree.Element, unbounded: bool = False) -> list[tuple[str, str, ElementTree.Element]]:
    """Name, type and <limit> of the joints that have one; with `unbounded` also those that turn for ever."""
    kinds = ("revolute", "prismatic", "continuous") if unbounded else ("revolute", "prismatic")
    found = [(joint.get("name", ""), joint.get("type", ""), joint.find("limit")) for joint in robot.findall("joint")]
    return [(name, kind, limit) for name, kind, limit in found if kind in kinds and limit is not None]


def _volume(shape: ElementTree.Element, mesh_extents: MeshExtents) -> float:
    """Of a shape's bounding box, m3; 0 where it is not known."""
    for geometry in shape.iterfind("geometry/*"):
        radius, length = _value(geometry.get("radius", "0")), _value(geometry.get("length", "0"))
        if geometry.tag == "box":
            return float(np.prod([_value(word) for word in geometry.get("size", "0 0 0").split()]))
        if geometry.tag in ("sphere", "cylinder", "capsule"):
            along = {"sphere": 2 * radius, "cylinder": length, "capsule": length + 2 * radius}[geometry.tag]
            return 4 * radius * radius * along
        if geometry.tag == "mesh":
            return float(np.prod(mesh_extents(geometry) or (0.0,)))
    return 0.0


def _mass(inertial: ElementTree.Element | None) -> float:
    mass = inertial.find("mass") if inertial is not None else None
    return _value(mass.get("value", "0")) if mass is not None else 0.0


def _mass_and_offset(link: ElementTree.Element) -> tuple[float, float]:
    """A link's mass, kg, and how far its centre of mass is from its frame, m."""
    inertial = link.find("inertial")
    return _mass(inertial), float(np.linalg.norm(element_pose(inertial)[1])) if inertial is not None else 0.0


def _value(text: str) -> float:
    """A number; 0 for what is none, which RobotModel refuses with its name."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _note(names: list[str], fault: str, what: str = "joints") -> list[str]:
    return [f"{fault}: {what} {', '.join(names)}"] if names else []
