"""Fix joints of a robot that are not to move: URDF text in, URDF text out."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping

from robot_interface_ros.urdf.pose import place
from robot_interface_ros.urdf.robot_model import RobotModel


def hold_joints(text: str, moving: Collection[str], positions: Mapping[str, float]) -> str:
    """The same robot with every independent joint that is not in `moving` fixed, and with it the joints that follow it.

    `positions`: where they are held, rad or m; a joint that is not named is held at zero, or at the limit next to it.
    """
    model = RobotModel.from_urdf(text)
    held = {
        name: min(max(positions.get(name, 0.0), model.joints[name].lower), model.joints[name].upper)
        for name in model.joint_names
        if name not in moving
    }
    if not held:
        return text
    # Where the joints that move stand does not matter: only poses of the others are read.
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
