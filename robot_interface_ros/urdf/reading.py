"""Reads the joints and collision primitives of a URDF. An error names the element and the attributes that identify it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.urdf.elements import JOINT_TYPES, LARGEST, Joint, Mimic, RobotModelError, Shape
from robot_interface_ros.urdf.kinematics import ORIGIN, Vector3

LONGEST_TEXT = 200
_UNLIMITED = (-math.inf, math.inf, math.inf, math.inf)


def placed_joint(element: ElementTree.Element) -> Joint:
    """Return the joint; an error identifies its element."""
    try:
        return _joint(element)
    except RobotModelError as error:
        raise RobotModelError(str(error), ("joint", "name", element.get("name", ""))) from None


def placed_shapes(link: ElementTree.Element) -> tuple[Shape, ...]:
    """Return the collision shapes; an error, also of a visual shape's origin, names the link and identifies its element."""
    try:
        for visual in link.findall("visual"):
            _origin(visual, f"link {link.get('name')!r} <visual>")
        return _shapes(link)
    except RobotModelError as error:
        text = str(error) if str(error).startswith("link ") else f"link {link.get('name')!r} <collision>: {error}"
        raise RobotModelError(text, ("link", "name", link.get("name", ""))) from None


def _joint(element: ElementTree.Element) -> Joint:
    name = _required(element, "name", "a joint")
    where = f"joint {name!r}"
    kind = _required(element, "type", where)
    if kind not in JOINT_TYPES:
        raise RobotModelError(f"{where} has type {shown(kind)}; known: {', '.join(JOINT_TYPES)}")
    xyz, rpy = _origin(element, where)
    lower, upper, velocity, effort = _limit(element, kind, where)
    return Joint(
        name=name,
        type=kind,
        parent=_required(_child(element, "parent", where), "link", f"{where} <parent>"),
        child=_required(_child(element, "child", where), "link", f"{where} <child>"),
        xyz=xyz,
        rpy=rpy,
        axis=_axis(element, kind, where),
        lower=lower,
        upper=upper,
        velocity=velocity,
        effort=effort,
        mimic=None if kind == "fixed" else _mimic(element, where),
    )


def _limit(element: ElementTree.Element, kind: str, where: str) -> tuple[float, float, float, float]:
    """Return lower, upper, velocity, effort; unlimited for a joint that needs no <limit> and has none."""
    limit = element.find("limit")
    if kind == "fixed" or (kind == "continuous" and limit is None):
        return _UNLIMITED
    if limit is None:
        raise RobotModelError(f"{where} is {kind} and has no <limit>; expected lower, upper, effort and velocity")
    # Limits have no largest value.
    velocity = _number(_required(limit, "velocity", f"{where} <limit>"), f"{where} limit velocity", math.inf)
    effort = _number(_required(limit, "effort", f"{where} <limit>"), f"{where} limit effort", math.inf)
    if kind == "continuous":
        return -math.inf, math.inf, velocity, effort
    # Both default to 0 in the URDF format.
    lower = _number(limit.get("lower", "0"), f"{where} limit lower", math.inf)
    upper = _number(limit.get("upper", "0"), f"{where} limit upper", math.inf)
    return lower, upper, velocity, effort


def _axis(element: ElementTree.Element, kind: str, where: str) -> Vector3:
    axis = element.find("axis")
    if axis is None or kind == "fixed":
        return (1.0, 0.0, 0.0)
    x, y, z = _vector(axis.get("xyz", "1 0 0"), f"{where} axis")
    length = math.hypot(x, y, z)
    if length == 0.0:
        raise RobotModelError(f"{where} has axis 0 0 0; expected a direction")
    return x / length, y / length, z / length


def _mimic(element: ElementTree.Element, where: str) -> Mimic | None:
    mimic = element.find("mimic")
    if mimic is None:
        return None
    return Mimic(
        _required(mimic, "joint", f"{where} <mimic>"),
        _number(mimic.get("multiplier", "1"), f"{where} mimic multiplier"),
        _number(mimic.get("offset", "0"), f"{where} mimic offset"),
    )


def _shapes(link: ElementTree.Element) -> tuple[Shape, ...]:
    """Return the collision primitives of a link, without meshes, whose extents are not in the text."""
    where = f"link {link.get('name')!r} <collision>"
    shapes = []
    for collision in link.findall("collision"):
        xyz, rpy = _origin(collision, where)
        for geometry in _child(collision, "geometry", where):
            if geometry.tag == "box":
                size: tuple[float, ...] = _vector(_required(geometry, "size", where), where)
            elif geometry.tag in ("sphere", "cylinder", "capsule"):
                labels = ("radius",) if geometry.tag == "sphere" else ("radius", "length")
                size = tuple(_number(_required(geometry, label, where), f"{where} {label}") for label in labels)
            else:
                continue
            shapes.append(Shape(geometry.tag, size, xyz, rpy))
    return tuple(shapes)


def _required(element: ElementTree.Element, attribute: str, where: str) -> str:
    value = element.get(attribute)
    if value is None:
        raise RobotModelError(f"{where} has no attribute {attribute!r}")
    if len(value) > LONGEST_TEXT or "\n" in value:
        raise RobotModelError(
            f"{where} has {attribute} {shown(value)}; expected one line of at most {LONGEST_TEXT} characters"
        )
    return value


def _child(element: ElementTree.Element, tag: str, where: str) -> ElementTree.Element:
    child = element.find(tag)
    if child is None:
        raise RobotModelError(f"{where} has no <{tag}>")
    return child


def _origin(element: ElementTree.Element, where: str) -> tuple[Vector3, Vector3]:
    origin = element.find("origin")
    if origin is None:
        return ORIGIN, ORIGIN
    return _vector(origin.get("xyz", "0 0 0"), f"{where} origin xyz"), _vector(
        origin.get("rpy", "0 0 0"), f"{where} origin rpy"
    )


def _vector(text: str, where: str) -> Vector3:
    numbers = [_number(word, where) for word in text.split()]
    if len(numbers) != 3:
        raise RobotModelError(f"{where} is {shown(text)}; expected three numbers")
    return numbers[0], numbers[1], numbers[2]


def _number(text: str, where: str, largest: float = LARGEST) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RobotModelError(f"{where} is {shown(text)}; expected a number")
    if abs(number) > largest:
        raise RobotModelError(f"{where} is {shown(text)}; expected at most {largest:g}")
    return number
