"""Repairs frequent faults of published robot descriptions: URDF text in, URDF text and a line for each kind of fault out.

A description made only for visualisation may have placeholders that a simulation cannot use: swapped limits, a top speed of
0, an effort of 1000, masses in grams or no masses. The values guessed here are on the safe side; values of the physical
robot are better.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_interface_ros.files.untrusted_files import FileError, parse_xml
from robot_interface_ros.urdf.elements import LARGEST, SHAPE_KINDS
from robot_interface_ros.urdf.faults.inertia import (
    DENSEST,
    complete,
    divide_grams,
    masses_and_centres,
    repair_impossible,
)
from robot_interface_ros.urdf.faults.shapes import MeshBox
from robot_interface_ros.urdf.held_joints import hold_joints
from robot_interface_ros.urdf.robot_model import RobotModel

GUESSED_SPEED = {"revolute": 0.5, "continuous": 0.5, "prismatic": 0.1}
"""Top speed, rad/s or m/s, if a description has 0: that of a hobby servo under load."""
FASTEST = 100.0
"""rad/s or m/s; joints of arms and hands move at less than 20, and a larger value than FASTEST is a placeholder."""
WIDEST = 1000.0
"""rad; a revolute joint with a wider range counts as continuous."""
PLACEHOLDER_EFFORT = 1000.0
"""N·m; this or a larger effort is a placeholder if gravity requires less than 1/HARDLY_USED of it."""
HARDLY_USED = 50.0
EFFORT_FACTOR, LEAST_EFFORT = 3.0, 0.5
"""A guessed effort is EFFORT_FACTOR times the largest torque of gravity, and at least LEAST_EFFORT N·m."""
GRAVITY = 9.81
MOST_NAMES = 20
"""Largest number of joints or links in one line."""


@dataclass(frozen=True)
class Repaired:
    """Repaired URDF text, and one line for each kind of repaired fault."""

    text: str
    notes: tuple[str, ...]


def repair(
    text: str,
    moving: Collection[str] | None = None,
    known_speeds: Collection[str] = (),
    mesh_box: MeshBox = lambda mesh: None,
) -> Repaired:
    """Repair a URDF; text without faults is returned unchanged.

    `moving`: joints whose speeds and efforts matter; their mimic joints also count (None: all joints). `known_speeds`: joints
    whose top speed is given elsewhere. Invalid XML is returned unchanged; RobotModel refuses it.
    """
    try:
        robot = parse_xml(text, "")
    except FileError:
        return Repaired(text, ())
    driven = _driven(robot, moving)
    before = ElementTree.tostring(robot)
    shapes, floating = _leave_out_shapes(robot), _fix_floating(robot)
    swapped, wide = _swap_limits(robot), _narrow_limits(robot)
    grams = divide_grams(robot, mesh_box)
    impossible = repair_impossible(robot, mesh_box)
    notes = [
        *_note(shapes, "shapes without geometry or size, left out", "links"),
        *_note(floating, "floating and planar joints, fixed: the base of a robot does not move here"),
        *_note(swapped, "lower limit above the upper one, swapped"),
        *_note(wide, f"limits wider than {WIDEST:g} rad, reduced to one turn"),
        *_note(
            grams, f"masses denser than steel ({DENSEST:g} kg/m3), assumed to be grams and divided by 1000", "links"
        ),
        *_note(impossible, "physically impossible masses or inertias, estimated from the shapes", "links"),
        *_give_speeds(robot, driven, known_speeds),
        *_give_efforts(robot, driven, mesh_box),
    ]
    if ElementTree.tostring(robot) == before:
        return Repaired(text, ())
    return Repaired(ElementTree.tostring(robot, encoding="unicode"), tuple(notes))


def _leave_out_shapes(robot: ElementTree.Element) -> list[str]:
    """Remove visual and collision elements without a usable shape; return their links."""
    without = []
    for link in robot.findall("link"):
        for shape in (*link.findall("visual"), *link.findall("collision")):
            if not any(_usable(shape, geometry) for geometry in shape.iterfind("geometry/*")):
                link.remove(shape)
                without.append(link.get("name", ""))
    return list(dict.fromkeys(without))


def _usable(shape: ElementTree.Element, geometry: ElementTree.Element) -> bool:
    """Return False for extents of 0, and for visual shapes without extents (RobotModel refuses such collision shapes)."""
    if geometry.tag == "mesh":
        return True
    if geometry.tag == "box":
        words = geometry.get("size", "").split()
    else:
        labels = ("radius",) if geometry.tag in ("sphere", "capsule") else ("radius", "length")
        words = [geometry.get(label, "") for label in labels]
    sizes = [_value(word, -1.0) for word in words]
    if geometry.tag not in SHAPE_KINDS or 0.0 in sizes:
        return False
    complete_size = len(sizes) == (3 if geometry.tag == "box" else len(words))
    return shape.tag == "collision" or (complete_size and all(0.0 < size <= LARGEST for size in sizes))


def _fix_floating(robot: ElementTree.Element) -> list[str]:
    fixed = []
    for joint in robot.findall("joint"):
        if joint.get("type") in ("floating", "planar"):
            joint.set("type", "fixed")
            fixed.append(joint.get("name", ""))
    return fixed


def _swap_limits(robot: ElementTree.Element) -> list[str]:
    swapped = []
    for name, _, limit in _limited(robot):
        lower, upper = limit.get("lower", "0"), limit.get("upper", "0")
        if _value(lower) > _value(upper):
            limit.set("lower", upper)
            limit.set("upper", lower)
            swapped.append(name)
    return swapped


def _narrow_limits(robot: ElementTree.Element) -> list[str]:
    """Reduce limits that are wider than WIDEST to one turn."""
    wide = []
    for name, kind, limit in _limited(robot):
        if kind == "revolute" and _value(limit.get("upper", "0")) - _value(limit.get("lower", "0")) > WIDEST:
            limit.set("lower", repr(-math.pi))
            limit.set("upper", repr(math.pi))
            wide.append(name)
    return wide


def _driven(robot: ElementTree.Element, moving: Collection[str] | None) -> set[str]:
    """Return the names of the joints that move: those of `moving`, and their mimic joints."""
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
    for name, kind, limit in _limited(robot, driven):
        if name not in driven:
            _make_a_number(limit, "velocity")
        elif not 0.0 < _value(limit.get("velocity", "0")) <= FASTEST:
            # If the speed is given elsewhere, the URDF must not limit it.
            limit.set("velocity", repr(LARGEST if name in known else GUESSED_SPEED[kind]))
            if name not in known:
                guessed.append(name)
    turn, slide = GUESSED_SPEED["revolute"], GUESSED_SPEED["prismatic"]
    fault = (
        f"a top speed of 0 or above {FASTEST:g}, set to {turn:g} rad/s ({slide:g} m/s), because max_velocity has none"
    )
    return _note(guessed, fault)


def _give_efforts(robot: ElementTree.Element, driven: Collection[str], mesh_box: MeshBox) -> list[str]:
    wanting = []
    for name, _, limit in _limited(robot, driven):
        _make_a_number(limit, "effort")
        effort = _value(limit.get("effort", "0"))
        if name in driven and not 0.0 < effort < PLACEHOLDER_EFFORT:
            wanting.append((name, limit, effort))
    if not wanting:
        return []
    text, _ = complete(hold_joints(ElementTree.tostring(robot, encoding="unicode"), driven, {}), mesh_box)
    model, masses = RobotModel.from_urdf(text), masses_and_centres(text)
    loads = _greatest_loads(model, masses)
    guessed = []
    for name, limit, effort in wanting:
        load = loads[name]
        if effort == 0.0 or effort > HARDLY_USED * load:
            limit.set("effort", f"{max(LEAST_EFFORT, EFFORT_FACTOR * load):.3g}")
            guessed.append(f"{name} {limit.get('effort')}")
    return _note(guessed, f"an effort of 0 or {PLACEHOLDER_EFFORT:g}, set from the torque of gravity, N·m")


def _make_a_number(limit: ElementTree.Element, label: str) -> None:
    """Set a value that is missing, not a number or below 0 to 0 (unknown), and a value above LARGEST to LARGEST."""
    value = _value(limit.get(label, "x"), -1.0)
    if not 0.0 <= value <= LARGEST:
        limit.set(label, repr(min(max(value, 0.0), LARGEST)))


def _greatest_loads(model: RobotModel, masses: Mapping[str, tuple[float, Any]]) -> dict[str, float]:
    """Return an upper bound of gravity's torque on every joint, N·m (prismatic: force, N), as if the arm were stretched."""
    mass: dict[str, float] = {}  # of each link and its descendants, kg
    moment: dict[str, float] = {}  # these masses times their distances from the link, kg m
    loads = {}
    for link in (*reversed(model.outward), model.root):  # descendants first
        own, centre = masses.get(link, (0.0, 0.0))
        mass[link] = mass.get(link, 0.0) + own
        moment[link] = moment.get(link, 0.0) + own * float(np.linalg.norm(centre))
        joint = model.parent_joint(link)
        if joint is not None:
            loads[joint.name] = GRAVITY * (mass[link] if joint.type == "prismatic" else moment[link])
            distance = float(np.linalg.norm(joint.xyz))
            mass[joint.parent] = mass.get(joint.parent, 0.0) + mass[link]
            moment[joint.parent] = moment.get(joint.parent, 0.0) + moment[link] + mass[link] * distance
    return loads


def _limited(
    robot: ElementTree.Element, driven: Collection[str] | None = None
) -> list[tuple[str, str, ElementTree.Element]]:
    """Return name, type and <limit> of the joints that have one; with `driven`, also of continuous joints.

    A continuous joint in `driven` without a <limit> gets one.
    """
    kinds = ("revolute", "prismatic") if driven is None else ("revolute", "prismatic", "continuous")
    found = []
    for joint in robot.findall("joint"):
        name, kind, limit = joint.get("name", ""), joint.get("type", ""), joint.find("limit")
        if kind == "continuous" and driven is not None and name in driven and limit is None:
            limit = ElementTree.SubElement(joint, "limit")
        if kind in kinds and limit is not None:
            found.append((name, kind, limit))
    return found


def _value(text: str, otherwise: float = 0.0) -> float:
    """Return a number; `otherwise` for other text, and for NaN."""
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return otherwise if math.isnan(value) else value


def _note(names: Collection[str], fault: str, kind: str = "joints") -> list[str]:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMES} more" if len(listed) > MOST_NAMES else ""
    return [f"{fault}: {kind} {', '.join(listed[:MOST_NAMES])}{more}"] if listed else []
