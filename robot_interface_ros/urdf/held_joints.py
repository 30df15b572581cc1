"""Fixes the joints of a robot that must not move: URDF text in, URDF text out."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping

from robot_interface_ros.urdf.pose import place
from robot_interface_ros.urdf.robot_model import RobotModel


def hold_joints(text: str, moving: Collection[str], positions: Mapping[str, float]) -> str:
    """Return the robot with all independent joints fixed that are not in `moving`, and with their mimic joints fixed.

    `positions`: their fixed positions, rad or m; default: zero, or the limit nearest to zero.
    """
    model = RobotModel.from_urdf(text)
    held = {
        name: min(max(positions.get(name, 0.0), model.joints[name].lower), model.joints[name].upper)
        for name in model.joint_names
        if name not in moving
    }
    if not held:
        return text
    # The positions of the moving joints do not matter: only poses of the others are used.
    poses = model.local_poses([held.get(name, 0.0) for name in model.joint_names])
    robot = ElementTree.fromstring(text)
    for element in robot.findall("joint"):
        joint = model.joints[element.get("name", "")]
        if joint.type == "fixed" or model.source(joint)[0] not in held:
            continue
        place(element, poses[joint.child])
        element.set("type", "fixed")
        for tag in ("axis", "limit", "mimic", "dynamics", "safety_controller", "calibration"):
            for child in element.findall(tag):
                element.remove(child)
    return ElementTree.tostring(robot, encoding="unicode")
