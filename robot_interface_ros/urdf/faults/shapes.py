"""Shapes of a URDF as solid bodies of one material: volume, centre of mass and inertia."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.urdf.pose import element_pose

Array = NDArray[np.float64]
MeshBox = Callable[[ElementTree.Element], "tuple[Array, Array] | None"]
"""From a <mesh> element to the lowest and highest corner of its bounding box, `(3,)` m; None if unknown."""

MESH_FILL = 0.5
"""Share of its bounding box that a mesh is assumed to fill."""
SPECK = 0.1
"""Collision shapes with less than this share of the visual shapes' volume are only markers."""


@dataclass(frozen=True)
class Solid:
    """A body of density 1 kg/m3: volume (m3), centre `(3,)` m and inertia `(3, 3)` kg m2 about the centre, in the link's frame.

    `box_volume` (m3) is the volume of its bounding box.
    """

    volume: float
    centre: Array
    inertia: Array
    box_volume: float


def solid(shape: ElementTree.Element, mesh_box: MeshBox) -> Solid | None:
    """Return a <visual> or <collision> element as a body, a mesh as its bounding box; None if its extents are unknown."""
    try:
        rotation, at = element_pose(shape)
        found = next(
            (part for geometry in shape.iterfind("geometry/*") for part in [_primitive(geometry, mesh_box)]), None
        )
    except (ValueError, OverflowError):  # not a number, or far too large: RobotModel refuses it
        return None
    if found is None or not 0.0 < found.volume < np.inf:
        return None
    turn = np.array(rotation).reshape(3, 3)
    return Solid(found.volume, turn @ found.centre + at, turn @ found.inertia @ turn.T, found.box_volume)


def solids(link: ElementTree.Element, mesh_box: MeshBox) -> list[Solid]:
    """Return the link's collision shapes as bodies; its visual shapes if it has no others, or if those are only markers."""
    collision, visual = (_known(link.findall(tag), mesh_box) for tag in ("collision", "visual"))
    speck = sum(part.volume for part in collision) < SPECK * sum(part.volume for part in visual)
    return visual if not collision or speck else collision


def all_solids(link: ElementTree.Element, mesh_box: MeshBox) -> list[Solid]:
    """Return the link's visual and collision shapes whose extents are known."""
    return _known((*link.findall("visual"), *link.findall("collision")), mesh_box)


def _known(shapes: Iterable[ElementTree.Element], mesh_box: MeshBox) -> list[Solid]:
    return [part for shape in shapes for part in [solid(shape, mesh_box)] if part is not None]


def together(parts: Iterable[tuple[float, Array, Array]]) -> tuple[float, Array, Array]:
    """Return mass (kg), centre of mass `(3,)` and inertia `(3, 3)` of all bodies together, by the parallel-axis theorem.

    `parts`: mass, centre of mass and inertia about it of each body.
    """
    bodies = list(parts)
    mass = float(sum(weight for weight, _, _ in bodies))
    centre = sum((weight * at for weight, at, _ in bodies), np.zeros(3)) / (mass or 1.0)
    inertia = np.zeros((3, 3))
    for weight, at, own in bodies:
        arm = at - centre
        inertia += own + weight * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    return mass, centre, inertia


def _primitive(geometry: ElementTree.Element, mesh_box: MeshBox) -> Solid | None:
    """Return a geometry as a body. Inertias are the textbook ones; a capsule is a cylinder and two half spheres."""
    centre = np.zeros(3)
    if geometry.tag == "mesh":
        corners = mesh_box(geometry)
        if corners is None:
            return None
        whole = _box(corners[1] - corners[0], (corners[0] + corners[1]) / 2)
        return Solid(MESH_FILL * whole.volume, whole.centre, MESH_FILL * whole.inertia, whole.box_volume)
    if geometry.tag == "box":
        size = np.array([float(word) for word in geometry.get("size", "0 0 0").split()])
        return _box(size, centre) if size.shape == (3,) else None
    if geometry.tag not in ("sphere", "cylinder", "capsule"):
        return None
    r, length = float(geometry.get("radius", "0")), float(geometry.get("length", "0"))
    ball, rod = 4.0 / 3.0 * np.pi * r**3, np.pi * r**2 * length
    if geometry.tag == "sphere":
        return Solid(ball, centre, 0.4 * ball * r**2 * np.eye(3), 8.0 * r**3)
    across = rod * (3 * r**2 + length**2) / 12.0
    inertia = np.diag([across, across, rod * r**2 / 2.0])
    if geometry.tag == "cylinder":
        return Solid(rod, centre, inertia, 4.0 * r**2 * length)
    ends = ball * (0.4 * r**2 + length**2 / 4.0 + 3.0 * length * r / 8.0)
    inertia += np.diag([ends, ends, 0.4 * ball * r**2])
    return Solid(ball + rod, centre, inertia, 4.0 * r**2 * (length + 2.0 * r))


def _box(size: Array, centre: Array) -> Solid:
    volume = float(np.prod(size))
    x, y, z = size**2
    return Solid(volume, centre, volume / 12.0 * np.diag([y + z, x + z, x + y]), volume)
