"""Merges links that are fixed to each other into one, so that a simulator computes only the moving ones.

PyBullet's flag for this, URDF_MERGE_FIXED_LINKS, computes a wrong centre of mass (4 cm too high for InMoov's hand with its
fingers; see bulletphysics/bullet3 pull request 4683) and prints a line for every link. Pure: URDF text in, URDF text out.
"""

from __future__ import annotations

import copy
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.urdf.kinematics import IDENTITY, ORIGIN, Pose, compose
from robot_interface_ros.urdf.pose import element_pose, place, written
from robot_interface_ros.urdf.robot_model import RobotModel


def merge_fixed_links(text: str) -> str:
    """Return the robot without fixed joints: a link on a fixed joint becomes part of the link that carries it.

    The root and the children of movable joints remain, with the masses, inertias, visual and collision shapes of all links
    that they carry; movable joints keep their order. Each link comes after the link that carries it, because PyBullet ends
    the process if the root does not come first. Raises RobotModelError if `text` is not a robot.
    """
    model = RobotModel.from_urdf(text)
    robot = ElementTree.fromstring(text)
    carried = _carriers(model)
    links = {link.get("name", ""): link for link in robot.findall("link")}
    merged = {name: ElementTree.Element("link", name=name) for name in links if carried[name][0] == name}
    for name in sorted(links, key=lambda link: carried[link][0] != link):  # a carrier's own shapes come first
        carrier, pose = carried[name]
        for shape in (*links[name].findall("visual"), *links[name].findall("collision")):
            merged[carrier].append(_moved(shape, pose))
    parts: dict[str, list[tuple[ElementTree.Element, Pose]]] = {name: [] for name in merged}
    for part, (carrier, pose) in carried.items():
        parts[carrier].append((links[part], pose))
    for name, link in merged.items():
        inertial = _inertial(parts[name])
        if inertial is not None:
            link.insert(0, inertial)
    for joint in robot.findall("joint"):
        if model.joints[joint.get("name", "")].type == "fixed":
            robot.remove(joint)
            continue
        parent = joint.find("parent")
        assert parent is not None  # from_urdf has checked it
        carrier, pose = carried[parent.get("link", "")]
        parent.set("link", carrier)
        place(joint, compose(pose, element_pose(joint)))
    for link in links.values():
        robot.remove(link)
    robot.extend(merged[name] for name in _outward(model) if name in merged)
    ElementTree.indent(robot)
    return ElementTree.tostring(robot, encoding="unicode")


def _outward(model: RobotModel) -> list[str]:
    """Return all links, each after its parent, otherwise in the order of the text."""
    order: dict[str, None] = {}
    for link in model.links:
        path = [link]
        while (joint := model.parent_joint(path[-1])) is not None and joint.parent not in order:
            path.append(joint.parent)
        order |= dict.fromkeys(reversed(path))
    return list(order)


def _carriers(model: RobotModel) -> dict[str, tuple[str, Pose]]:
    """Return for every link the link that it is merged into and its pose there; a link on a movable joint stays itself."""
    carried: dict[str, tuple[str, Pose]] = {model.root: (model.root, (IDENTITY, ORIGIN))}
    for link in model.outward:
        joint = model.parent_joint(link)
        assert joint is not None  # only the root has none
        if joint.type == "fixed":
            carrier, pose = carried[joint.parent]
            carried[link] = carrier, compose(pose, joint.pose)
        else:
            carried[link] = link, (IDENTITY, ORIGIN)
    return {link: carried[link] for link in model.links}


def _inertial(parts: Iterable[tuple[ElementTree.Element, Pose]]) -> ElementTree.Element | None:
    """Return mass, centre of mass and inertia of links in the frame of their carrier; None if no link has an inertial.

    The parallel-axis theorem moves inertias to the common centre.
    """
    bodies = []
    for link, pose in parts:
        inertial = link.find("inertial")
        if inertial is None:
            continue
        rotation, centre = compose(pose, element_pose(inertial))
        turn = np.array(rotation).reshape(3, 3)
        bodies.append((_mass(inertial), np.array(centre), turn @ _tensor(inertial) @ turn.T))
    if not bodies:
        return None
    mass = math.fsum(weight for weight, _, _ in bodies)
    centre_of_mass = sum((weight * at for weight, at, _ in bodies), np.zeros(3)) / (mass or 1.0)
    tensor = np.zeros((3, 3))
    for weight, at, inertia in bodies:
        arm = at - centre_of_mass
        tensor += inertia + weight * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    merged = ElementTree.Element("inertial")
    ElementTree.SubElement(merged, "origin", xyz=written(centre_of_mass), rpy="0 0 0")
    ElementTree.SubElement(merged, "mass", value=repr(mass))
    entries = {"ixx": (0, 0), "ixy": (0, 1), "ixz": (0, 2), "iyy": (1, 1), "iyz": (1, 2), "izz": (2, 2)}
    ElementTree.SubElement(merged, "inertia", {key: repr(float(tensor[place])) for key, place in entries.items()})
    return merged


def _mass(inertial: ElementTree.Element) -> float:
    mass = inertial.find("mass")
    return 0.0 if mass is None else float(mass.get("value", "0"))


def _tensor(inertial: ElementTree.Element) -> NDArray[np.float64]:
    inertia = inertial.find("inertia")
    if inertia is None:
        return np.zeros((3, 3))
    xx, xy, xz, yy, yz, zz = (float(inertia.get(key, "0")) for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"))
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def _moved(shape: ElementTree.Element, pose: Pose) -> ElementTree.Element:
    shape = copy.deepcopy(shape)
    place(shape, compose(pose, element_pose(shape)))
    return shape
