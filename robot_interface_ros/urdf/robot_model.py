"""The robot model of a URDF: joints, limits, tree and collision primitives. Pure: text in, values out.

Angles are in rad, lengths in m, speeds in rad/s, efforts in N·m (m/s and N for a prismatic joint). The order of
`RobotModel.joint_names` is the order of every joint array in this project.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_interface_ros.files.untrusted_files import FileError, parse_xml
from robot_interface_ros.urdf.elements import Joint, JointLimits, RobotModelError, Shape
from robot_interface_ros.urdf.kinematics import (
    IDENTITY,
    ORIGIN,
    Chain,
    Pose,
    Segment,
    compose,
    rotation_about,
)
from robot_interface_ros.urdf.reading import placed_joint, placed_shapes


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
        joints = [placed_joint(element) for element in robot.findall("joint")]
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
            collisions={link.get("name", ""): placed_shapes(link) for link in robot.findall("link")},
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
