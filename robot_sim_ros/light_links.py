"""The visible links that light joints move: PyBullet bodies without mass and collisions, placed before an image."""

from __future__ import annotations

import copy
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection
from pathlib import Path
from typing import Any

from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.urdf.frames import quaternion
from robot_interface_ros.urdf.merged import merge_fixed_links
from robot_interface_ros.urdf.robot_model import RobotModel
from robot_sim_ros.pybullet_urdf import for_pybullet
from robot_sim_ros.quiet import quiet_output

_SPECK = "1e-6 1e-6 1e-6"


def without_visuals(urdf: str, links: Collection[str]) -> str:
    """Return the URDF with the visual shapes of some links removed.

    PyBullet renders the collision shapes of a link without visual shapes, so these links get invisibly small boxes.
    """
    robot = ElementTree.fromstring(urdf)
    for link in robot.findall("link"):
        if link.get("name") in links:
            for visual in link.findall("visual"):
                link.remove(visual)
            geometry = ElementTree.SubElement(ElementTree.SubElement(link, "visual"), "geometry")
            ElementTree.SubElement(geometry, "box", size=_SPECK)
    return ElementTree.tostring(robot, encoding="unicode")


def carried_by(model: RobotModel, joints: Collection[str]) -> frozenset[str]:
    """Return the links that move with one of some independent joints, or with a mimic joint of these, directly or not."""
    moved: set[str] = set()
    for link in model.outward:
        joint = model.parent_joint(link)
        assert joint is not None
        if joint.parent in moved or (joint.type != "fixed" and model.source(joint)[0] in joints):
            moved.add(link)
    return frozenset(moved)


class LightLinks:
    """One body per link that light joints move. It looks like the link; nothing touches it."""

    def __init__(self, client: Any, description: RobotDescription, links: Collection[str]):
        """`links`: those that light joints move."""
        urdf = merge_fixed_links(description.urdf)
        self._model = RobotModel.from_urdf(urdf)
        self._place = client.resetBasePositionAndOrientation
        self.bodies: dict[str, int] = {}
        """Link name -> PyBullet's body; only links with visual shapes."""
        robot = ElementTree.fromstring(urdf)
        with tempfile.TemporaryDirectory() as folder, quiet_output():
            for link in robot.findall("link"):
                name = link.get("name", "")
                if name in links and link.find("visual") is not None:
                    path = Path(folder) / f"{len(self.bodies)}.urdf"  # PyBullet keeps what it has read, by path
                    path.write_text(for_pybullet(_alone(robot, link)), encoding="utf-8")
                    self.bodies[name] = int(client.loadURDF(str(path), useFixedBase=True))

    def place(self, position: Array) -> None:
        """Put every link where it is; `position`: of all the robot's joints, `(n_joints,)` rad."""
        poses = self._model.link_poses(position)
        for name, body in self.bodies.items():
            xyz, rotation = poses[name]
            self._place(body, xyz.tolist(), quaternion(tuple(rotation.ravel().tolist())))  # type: ignore[arg-type]


def _alone(robot: ElementTree.Element, link: ElementTree.Element) -> str:
    """Return a URDF of one link, with its visual shapes only."""
    alone = ElementTree.Element("robot", name=link.get("name", ""))
    # A material may be described where another link uses it first.
    described = {material.get("name"): material for material in robot.iter("material") if len(material)}
    alone.extend(copy.deepcopy(material) for material in described.values())
    ElementTree.SubElement(alone, "link", name=link.get("name", "")).extend(
        copy.deepcopy(visual) for visual in link.findall("visual")
    )
    return ElementTree.tostring(alone, encoding="unicode")
