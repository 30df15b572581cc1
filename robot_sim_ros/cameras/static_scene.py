"""The static parts of a robot: separated from its description, and kept in a PyBullet world that is rendered once.

A software renderer spends its time on triangles and pixels. Most of both belong to links that do not move: if only one
arm of a robot moves, everything else.
"""

from __future__ import annotations

import copy
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from robot_interface_ros.urdf.robot_model import RobotModel
from robot_sim_ros.quiet import quiet_output

_SPECK = "1e-6"


def part_visuals(urdf: str) -> tuple[str, str]:
    """Return two URDFs: the robot without the root's visual shapes, and the root with only these shapes.

    `urdf` has no fixed joints (see `merge_fixed_links`), so all static parts belong to the root.
    """
    root_name = RobotModel.from_urdf(urdf).root
    moving = ElementTree.fromstring(urdf)
    root = next(link for link in moving.findall("link") if link.get("name") == root_name)
    still = ElementTree.Element("robot", name=moving.get("name", ""))
    for material in moving.findall("material"):
        still.append(copy.deepcopy(material))
    shown = ElementTree.SubElement(still, "link", name=root_name)
    for visual in root.findall("visual"):
        root.remove(visual)
        shown.append(visual)
    # PyBullet renders the collision shapes of a link without visual shapes, so the root gets an invisibly small box.
    geometry = ElementTree.SubElement(ElementTree.SubElement(root, "visual"), "geometry")
    ElementTree.SubElement(geometry, "box", size=f"{_SPECK} {_SPECK} {_SPECK}")
    return ElementTree.tostring(moving, encoding="unicode"), ElementTree.tostring(still, encoding="unicode")


class StaticScene:
    """A PyBullet world with shapes but without physics."""

    def __init__(self, urdf: str):
        with quiet_output():
            import pybullet
            from pybullet_utils.bullet_client import BulletClient

            self.client: Any = BulletClient(pybullet.DIRECT)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "still.urdf"
                path.write_text(urdf, encoding="utf-8")
                self.body = int(self.client.loadURDF(str(path), useFixedBase=True))

    def close(self) -> None:
        """Disconnect from PyBullet."""
        self.client.disconnect()
