"""What never moves: parted from a robot's description, and kept in a world of its own, to be drawn once.

A software renderer spends its time on triangles and pixels, and most of both belong to links that stand still: of a robot
whose one arm moves, everything else.
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
    """The robot without the root's visual shapes, and the root with nothing but them, both as URDF.

    `urdf` has no fixed joints (`merge_fixed_links`), so that the root holds all that never moves.
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
    # PyBullet shows a link's collision shapes where it has no visual ones, so one is left, too small to be seen.
    geometry = ElementTree.SubElement(ElementTree.SubElement(root, "visual"), "geometry")
    ElementTree.SubElement(geometry, "box", size=f"{_SPECK} {_SPECK} {_SPECK}")
    return ElementTree.tostring(moving, encoding="unicode"), ElementTree.tostring(still, encoding="unicode")


class StaticScene:
    """A PyBullet world that holds shapes and no physics."""

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
