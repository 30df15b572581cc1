"""The robot model of a URDF: joints, limits, tree and collision primitives. Pure: text in, values out.

Angles are in rad, lengths in m, speeds in rad/s, efforts in N·m (m/s and N for a prismatic joint). The order of
`RobotModel.joint_names` is the order of every joint array in this project.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.files.untrusted_files import FileError, parse_xml
from robot_interface_ros.urdf.kinematics import (
    IDENTITY,
    ORIGIN,
    Chain,
    Pose,
    Segment,
    Vector3,
    compose,
    rotation_about,
    rotation_rpy,
)

JOINT_TYPES = ("revolute", "continuous", "prismatic", "fixed")
SHAPE_KINDS = ("box", "sphere", "cylinder", "capsule")
_UNLIMITED = (-math.inf, math.inf, math.inf, math.inf)


LONGEST_TEXT = 200
LARGEST = 1e9
"""Larger than any length, angle, speed and effort of a robot; sums and products of smaller numbers stay finite."""


class RobotModelError(ValueError):
    """A robot description is invalid, or a name is not in it; the message names the element."""

    def __init__(self, message: str, element: tuple[str, str, str] | None = None):
        """`element`: tag, attribute and value that identify the faulty element of the URDF; None if there is none."""
        super().__init__(message)
        self.element = element


@dataclass(frozen=True)
class Mimic:
    """A joint that follows another: position = multiplier * position of `joint` + offset."""

    joint: str
    multiplier: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Joint:
    """One URDF joint: `xyz` (m) and `rpy` (rad) give the child's pose in the parent; the unit `axis` is in the child's frame.

    Limits and speed are rad and rad/s, effort is N·m (m, m/s and N for a prismatic joint).
    """

    name: str
    type: str
    parent: str
    child: str
    xyz: Vector3 = ORIGIN
    rpy: Vector3 = ORIGIN
    axis: Vector3 = (1.0, 0.0, 0.0)
    lower: float = -math.inf
    upper: float = math.inf
    velocity: float = math.inf
    effort: float = math.inf
    mimic: Mimic | None = None

    def __post_init__(self) -> None:
        if self.type not in JOINT_TYPES:
            raise RobotModelError(f"joint {self.name!r} has type {self.type!r}; known: {', '.join(JOINT_TYPES)}")
        if not self.lower <= self.upper:
            raise RobotModelError(
                f"joint {self.name!r} has lower limit {self.lower} > upper limit {self.upper}; swap them"
            )
        if not (self.velocity >= 0.0 and self.effort >= 0.0):
            raise RobotModelError(
                f"joint {self.name!r} has velocity {self.velocity} and effort {self.effort}; both must be >= 0"
            )
        if not math.isclose(math.hypot(*self.axis), 1.0, abs_tol=1e-9):
            raise RobotModelError(f"joint {self.name!r} has axis {self.axis}; expected a vector of length 1")

    @property
    def pose(self) -> Pose:
        """The child's pose in its parent at joint position zero."""
        return rotation_rpy(self.rpy), self.xyz


@dataclass(frozen=True)
class Shape:
    """A collision primitive with the pose `xyz` (m), `rpy` (rad) in its link.

    `size` (m): box (x, y, z), sphere (radius,), cylinder (radius, length), capsule (radius, length between the centres
    of its ends). The axis of cylinders and capsules is z.
    """

    kind: str
    size: tuple[float, ...]
    xyz: Vector3 = ORIGIN
    rpy: Vector3 = ORIGIN

    def __post_init__(self) -> None:
        if self.kind not in SHAPE_KINDS:
            raise RobotModelError(f"unknown shape {self.kind!r}; known: {', '.join(SHAPE_KINDS)}")
        if not all(extent > 0.0 for extent in self.size):
            raise RobotModelError(f"a {self.kind} has size {self.size}; every extent must be > 0")


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Limits of joints: four read-only (n,) float64 arrays in the order of `names` (rad, rad, rad/s, N·m)."""

    names: tuple[str, ...]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    velocity: NDArray[np.float64]
    effort: NDArray[np.float64]

    def __post_init__(self) -> None:
        for label in ("lower", "upper", "velocity", "effort"):
            array = np.array(getattr(self, label), dtype=np.float64)
            if array.shape != (len(self.names),):
                raise RobotModelError(f"limits: {label} has shape {array.shape}, expected ({len(self.names)},)")
            array.setflags(write=False)
            object.__setattr__(self, label, array)


@dataclass(frozen=True)
class RobotModel:
    """A tree of links and joints. Create it with `from_urdf`, which checks it."""

    name: str
    root: str
    links: tuple[str, ...]
    joints: Mapping[str, Joint]
    collisions: Mapping[str, tuple[Shape, ...]]

    @classmethod
    def from_urdf(cls, text: str) -> RobotModel:
        """Read URDF text. Raises RobotModelError with the first fault."""
        if "<" not in text:
            raise RobotModelError("the robot description is not XML; expected URDF text, not a path")
        try:
            robot = parse_xml(text, "the robot description")
        except FileError as error:
            raise RobotModelError(str(error)) from None
        if robot.tag != "robot":
            raise RobotModelError(f"the robot description's root element is <{robot.tag}>; expected <robot>")
        links = tuple(link.get("name", "") for link in robot.findall("link"))
        if "" in links:
            raise RobotModelError("a link has no name", ("link", "name", ""))
        joints = [_placed_joint(element) for element in robot.findall("joint")]
        _refuse_doubles("link", links)
        _refuse_doubles("joint", [joint.name for joint in joints])
        by_name = {joint.name: joint for joint in joints}
        for joint in joints:
            _check_mimic(joint, by_name)
        return cls(
            name=robot.get("name", ""),
            root=_root_of_tree(links, joints),
            links=links,
            joints=by_name,
            collisions={link.get("name", ""): _placed_shapes(link) for link in robot.findall("link")},
        )

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        """The independent joints: neither fixed nor mimic, in URDF order."""
        return tuple(joint.name for joint in self.joints.values() if joint.type != "fixed" and joint.mimic is None)

    @cached_property
    def mimic_joints(self) -> tuple[Joint, ...]:
        """The joints that follow another, in URDF order."""
        return tuple(joint for joint in self.joints.values() if joint.type != "fixed" and joint.mimic is not None)

    def limits(self) -> JointLimits:
        """Limits of the independent joints, in the order of `joint_names`."""
        joints = [self.joints[name] for name in self.joint_names]
        columns = [[getattr(joint, label) for joint in joints] for label in ("lower", "upper", "velocity", "effort")]
        return JointLimits(self.joint_names, *(np.array(column, dtype=np.float64) for column in columns))

    def index(self, names: Sequence[str]) -> list[int]:
        """Return the index of each name in `joint_names`."""
        indices = {name: index for index, name in enumerate(self.joint_names)}
        unknown = [name for name in names if name not in indices]
        if unknown:
            raise RobotModelError(
                f"unknown joint {', '.join(unknown)}; the independent joints are {', '.join(self.joint_names)}"
            )
        return [indices[name] for name in names]

    def chain(self, tip: str, root: str | None = None) -> Chain:
        """Return the chain from `root` (default: the robot's root link) to the link `tip`."""
        root = self.root if root is None else root
        for link in (tip, root):
            if link not in self.links:
                raise RobotModelError(f"unknown link {link!r}; known: {', '.join(self.links)}")
        path: list[Joint] = []
        link = tip
        while link != root:
            if link not in self._parents:
                raise RobotModelError(
                    f"link {root!r} is not an ancestor of {tip!r}; expected a link between {self.root!r} and {tip!r}"
                )
            path.append(self._parents[link])
            link = path[-1].parent
        path.reverse()
        names: list[str] = []
        segments = []
        for joint in path:
            if joint.type == "fixed":
                segments.append(Segment(joint.pose))
                continue
            source, scale, offset = self.source(joint)
            if source not in names:
                names.append(source)
            kind = "slide" if joint.type == "prismatic" else "turn"
            segments.append(Segment(joint.pose, kind, joint.axis, names.index(source), scale, offset))
        return Chain(names, segments, root=root, tip=tip)

    def link_poses(self, q: ArrayLike) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return position (3,) m and rotation (3, 3) of every link, with the root at the origin; q (n,) as `joint_names`."""
        local = self.local_poses(q)
        poses: dict[str, Pose] = {self.root: (IDENTITY, ORIGIN)}
        for link in self.outward:
            poses[link] = compose(poses[self._parents[link].parent], local[link])
        return {link: (np.array(xyz), np.array(rotation).reshape(3, 3)) for link, (rotation, xyz) in poses.items()}

    def local_poses(self, q: ArrayLike) -> dict[str, Pose]:
        """Return the pose of every link but the root in its parent, each after its parent; q (n,) as `joint_names`."""
        values = np.asarray(q, dtype=np.float64)
        if values.shape != (len(self.joint_names),):
            raise RobotModelError(
                f"q has shape {values.shape}, expected ({len(self.joint_names)},), one per independent joint"
            )
        positions = dict(zip(self.joint_names, values.tolist(), strict=True))
        joints = ((link, self._parents[link]) for link in self.outward)
        return {link: compose(joint.pose, self._motion(joint, positions)) for link, joint in joints}

    def reach(self, tip: str, q: ArrayLike) -> float:
        """Return the length of the way from the first movable joint over all others to `tip`, m; q (n,) as in link_poses."""
        poses = self.link_poses(q)
        points, link = [poses[tip][0]], tip
        while link in self._parents:
            if self._parents[link].type != "fixed":
                points.append(poses[link][0])
            link = self._parents[link].parent
        return float(sum(np.linalg.norm(b - a) for a, b in zip(points, points[1:])))

    def parent_joint(self, link: str) -> Joint | None:
        """Return the joint between a link and its parent; None for the root."""
        return self._parents.get(link)

    @cached_property
    def carriers(self) -> dict[str, str]:
        """Link -> the first link of its body; links that are connected by fixed joints are one body."""
        carriers = {self.root: self.root}
        for link in self.outward:
            joint = self._parents[link]
            carriers[link] = carriers[joint.parent] if joint.type == "fixed" else link
        return carriers

    def source(self, joint: Joint) -> tuple[str, float, float]:
        """Return the independent joint that moves this one, with scale and offset; a mimic may follow another mimic."""
        scale, offset = 1.0, 0.0
        while joint.mimic is not None:
            offset += scale * joint.mimic.offset
            scale *= joint.mimic.multiplier
            joint = self.joints[joint.mimic.joint]
        return joint.name, scale, offset

    @cached_property
    def _parents(self) -> dict[str, Joint]:
        return {joint.child: joint for joint in self.joints.values()}

    @cached_property
    def outward(self) -> tuple[str, ...]:
        """Every link but the root, each after its parent."""
        order = [self.root]
        children: dict[str, list[str]] = {}
        for joint in self.joints.values():
            children.setdefault(joint.parent, []).append(joint.child)
        for link in order:
            order.extend(children.get(link, ()))
        return tuple(order[1:])

    def _motion(self, joint: Joint, positions: Mapping[str, float]) -> Pose:
        if joint.type == "fixed":
            return IDENTITY, ORIGIN
        source, scale, offset = self.source(joint)
        value = scale * positions[source] + offset
        if joint.type == "prismatic":
            return IDENTITY, (joint.axis[0] * value, joint.axis[1] * value, joint.axis[2] * value)
        return rotation_about(joint.axis, value), ORIGIN


def _placed_joint(element: ElementTree.Element) -> Joint:
    """Return the joint; an error identifies its element."""
    try:
        return _joint(element)
    except RobotModelError as error:
        raise RobotModelError(str(error), ("joint", "name", element.get("name", ""))) from None


def _placed_shapes(link: ElementTree.Element) -> tuple[Shape, ...]:
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


def _check_mimic(joint: Joint, joints: Mapping[str, Joint]) -> None:
    seen = {joint.name: None}
    while joint.mimic is not None:
        source = joints.get(joint.mimic.joint)
        if source is None or source.type == "fixed":
            reason = "is not in the description" if source is None else "is fixed"
            movable = ", ".join(name for name, other in joints.items() if other.type != "fixed" and other.mimic is None)
            raise RobotModelError(
                f"joint {joint.name!r} mimics {joint.mimic.joint!r}, which {reason}; known: {movable}", _element(joint)
            )
        if source.name in seen:
            raise RobotModelError(
                f"joints mimic each other in a loop: {' -> '.join([*seen, source.name])}", _element(joint)
            )
        seen[source.name] = None
        joint = source


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


def _root_of_tree(links: Sequence[str], joints: Sequence[Joint]) -> str:
    """Return the root link, after checking that all links form one tree."""
    if not links:
        raise RobotModelError("the robot has no <link>; expected at least one")
    parents: dict[str, str] = {}
    known = set(links)
    for joint in joints:
        for link in (joint.parent, joint.child):
            if link not in known:
                raise RobotModelError(
                    f"joint {joint.name!r} refers to link {link!r}, which is not in the description", _element(joint)
                )
        if joint.child in parents:
            raise RobotModelError(
                f"link {joint.child!r} is the child of two joints, one of them {joint.name!r}; expected a tree",
                _element(joint),
            )
        parents[joint.child] = joint.parent
    rooted: set[str] = set()  # links from which a walk has reached a root; later walks end there
    for link in links:
        seen, at = {link: None}, link
        while at in parents and at not in rooted:
            at = parents[at]
            if at in seen:
                raise RobotModelError(
                    f"links form a loop: {' -> '.join([*seen, at])}; expected a tree",
                    ("link", "name", link),
                )
            seen[at] = None
        rooted.update(seen)
    roots = [link for link in links if link not in parents]
    if len(roots) > 1:
        raise RobotModelError(
            f"the robot has {len(roots)} root links: {', '.join(roots[:8])}{', ...' if len(roots) > 8 else ''}; expected "
            "one that is connected to all other links",
            ("link", "name", roots[1]),
        )
    return roots[0]


def _element(joint: Joint) -> tuple[str, str, str]:
    return "joint", "name", joint.name


def _refuse_doubles(kind: str, names: Sequence[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise RobotModelError(
                f"{kind} {name!r} is defined {times} times; expected every name once", (kind, "name", name)
            )


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
