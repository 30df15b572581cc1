"""Warnings about unlikely values in a robot description: weak joints, degrees for rad, millimetres for m."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.urdf.elements import JointLimits
from robot_interface_ros.urdf.faults.inertia import masses_and_centres
from robot_interface_ros.urdf.meshes import mesh_box
from robot_interface_ros.urdf.robot_model import RobotModel

GRAVITY = np.array([0.0, 0.0, -9.81])
MOST_TURN = 6.5 * math.pi
"""rad from zero: joints of arms turn at most three times in each direction; limits of 20 degrees or more as rad are larger."""
MOST_RPY = 2.0 * math.pi + 0.01
"""rad, with a margin for rounding; no origin needs a larger angle, and 45 or 90 degrees as rad are larger."""
MOST_NAMES = 8
LONGEST_M = 20.0
"""A longer arm or mesh is probably given in millimetres."""


def unlikely_values(
    model: RobotModel, limits: JointLimits, rest: NDArray[np.float64], urdf: str, end_effector: str
) -> list[str]:
    """Return one line for each kind of unlikely value. `urdf`: the text of `model`; `rest`: `(n_joints,)` rad."""
    found = []
    torques = gravity_torques(model, rest, urdf)
    efforts = {**dict(zip(limits.names, limits.effort)), **{joint.name: joint.effort for joint in model.mimic_joints}}
    weak = [
        f"{name} {efforts[name]:.3g} of {abs(torque):.3g}"
        for name, torque in torques.items()
        if abs(torque) > efforts[name]
    ]
    if weak:
        found.append(
            f"joints too weak to hold the rest pose, so that the robot sinks (N·m available, of N·m that gravity requires): "
            f"{', '.join(weak)}; set max_effort to the values of the physical robot, or use another rest pose"
        )
    wide = [
        f"{name} ({low:g} to {high:g})"
        for name, low, high in zip(limits.names, limits.lower, limits.upper)
        if max(-low, high) > MOST_TURN and model.joints[name].type == "revolute"
    ]
    if wide:
        found.append(
            f"limits that look like degrees: {', '.join(wide)}; a URDF has rad: divide them by 57.3, or set limits"
        )
    long = [
        name for name, low, high in zip(limits.names, limits.lower, limits.upper) if _slides_far(model, name, low, high)
    ]
    if long:
        found.append(
            f"limits that look like millimetres: {', '.join(long)}; a URDF has m: divide them by 1000, or set limits"
        )
    reach = model.reach(end_effector, rest)
    if reach > LONGEST_M:
        found.append(
            f"the arm is {reach:.0f} m long, which looks like millimetres; a URDF has m: divide its origins by 1000"
        )
    large = _large_meshes(urdf)
    if large:
        found.append(f'meshes of more than {LONGEST_M:g} m: {", ".join(large)}; is scale="0.001 0.001 0.001" missing?')
    return found


def origins_in_degrees(urdf: str) -> str:
    """Return one line about origins whose angles look like degrees, or "". `urdf`: text before any joint was fixed."""
    places = {}
    for part in ElementTree.fromstring(urdf):
        if part.tag not in ("joint", "link"):
            continue
        for holder in (part,) if part.tag == "joint" else part:
            origin = holder.find("origin")
            rpy = "" if origin is None else origin.get("rpy", "")
            if any(abs(angle) > MOST_RPY for angle in _numbers(rpy)):
                place = f"{part.tag} {part.get('name')}" + ("" if holder is part else f" <{holder.tag}>")
                places[place] = f"{place} ({' '.join(rpy.split())})"
    if not places:
        return ""
    more = f" and {len(places) - MOST_NAMES} more" if len(places) > MOST_NAMES else ""
    listed = ", ".join(list(places.values())[:MOST_NAMES])
    return f"origins whose rpy looks like degrees: {listed}{more}; a URDF has rad: divide them by 57.3"


def gravity_torques(model: RobotModel, q: NDArray[np.float64], urdf: str) -> dict[str, float]:
    """Return the torque of gravity on each movable joint, N·m (prismatic: force, N); `urdf`: the text of `model`."""
    poses, masses = model.link_poses(q), masses_and_centres(urdf)
    moment: dict[str, NDArray[np.float64]] = {}  # of each link and its descendants: mass, mass times centre
    for link in reversed([model.root, *model.local_poses(q)]):  # descendants first
        position, rotation = poses[link]
        mass, centre = masses.get(link, (0.0, np.zeros(3)))
        own = np.array([mass, *(mass * (position + rotation @ centre))])
        moment[link] = moment.get(link, np.zeros(4)) + own
        joint = model.parent_joint(link)
        if joint is not None:
            moment[joint.parent] = moment.get(joint.parent, np.zeros(4)) + moment[link]
    torques = {}
    for joint in model.joints.values():
        if joint.type == "fixed":
            continue
        position, rotation = poses[joint.child]
        axis, (mass, *first) = rotation @ np.array(joint.axis), moment[joint.child]
        force = mass * GRAVITY
        lever = np.array(first) - mass * position
        torques[joint.name] = float(axis @ (force if joint.type == "prismatic" else np.cross(lever, GRAVITY)))
    return torques


def _numbers(text: str) -> list[float]:
    """Return the numbers of a vector; empty for invalid text, which is refused or repaired elsewhere."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []


def _slides_far(model: RobotModel, name: str, lower: float, upper: float) -> bool:
    return model.joints[name].type == "prismatic" and upper - lower > LONGEST_M


def _large_meshes(urdf: str) -> list[str]:
    large: list[str] = []
    for link in ElementTree.fromstring(urdf).findall("link"):
        for mesh in link.iter("mesh"):
            corners = mesh_box(mesh)
            if corners is not None and float((corners[1] - corners[0]).max()) > LONGEST_M:
                large.append(f"{Path(mesh.get('filename', '')).name} of link {link.get('name')}")
    return list(dict.fromkeys(large))
