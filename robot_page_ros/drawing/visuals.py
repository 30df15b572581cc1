"""The visual shapes of a URDF as triangles, by link. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array
from robot_interface_ros.urdf.kinematics import rotation_rpy
from robot_interface_ros.urdf.mesh_files import MeshError, read_mesh
from robot_interface_ros.urdf.meshes import mesh_file, mesh_scale

GREY = (178, 184, 192)
_SIDES = 24  # of a drawn circle


@dataclass(frozen=True)
class Visual:
    """One shape of a link, in the link's frame, m."""

    link: str
    vertices: Array
    """`(n, 3)`"""
    faces: NDArray[np.int32]
    """`(m, 3)` indices of vertices."""
    colour: tuple[int, int, int]


def visuals_of(urdf: str) -> tuple[list[Visual], list[str]]:
    """Return the shapes that can be drawn, and one line for each that cannot. A link without visuals shows its collisions."""
    root = ElementTree.fromstring(urdf)
    colours = {material.get("name", ""): material for material in root.findall("material")}
    shapes, faults = [], []
    for link in root.findall("link"):
        name = link.get("name", "")
        for element in link.findall("visual") or link.findall("collision"):
            try:
                triangles = _triangles(element.find("geometry"))
                points = _placed(triangles.reshape(-1, 3), element.find("origin"))
                colour = _colour(element.find("material"), colours)
            except (MeshError, RobotError, FileNotFoundError, ValueError) as error:
                faults.append(f"link {name}: {error}")
                continue
            if len(triangles) and not np.isfinite(points).all():
                faults.append(f"link {name}: a size or place that is not a finite number")
            elif len(triangles):
                vertices, indices = np.unique(np.round(points, 6), axis=0, return_inverse=True)
                faces = indices.reshape(-1, 3).astype(np.int32)
                shapes.append(Visual(name, vertices, faces, colour))
    return shapes, faults


def _triangles(geometry: ElementTree.Element | None) -> Array:
    """Return triangles `(n, 3, 3)`; empty for a shape that is not drawn."""
    shape = None if geometry is None else next(iter(geometry), None)
    if shape is None:
        return np.empty((0, 3, 3))
    if shape.tag == "mesh":
        mesh = read_mesh(mesh_file(shape.get("filename", "")))
        scale = mesh_scale(shape)
        parts = np.concatenate(mesh.parts) * scale
        return parts[:, ::-1] if scale.prod() < 0.0 else parts  # a mirror turns the triangles inside out
    if shape.tag == "box":
        return _box(np.array([float(word) for word in shape.get("size", "").split()]))
    if shape.tag not in ("sphere", "cylinder", "capsule"):
        return np.empty((0, 3, 3))
    radius = _size(shape, "radius")
    if shape.tag == "sphere":
        rings = np.linspace(0.0, np.pi, _SIDES // 2 + 1)
        return _turned(radius * np.sin(rings), radius * np.cos(rings))
    half = _size(shape, "length") / 2
    if shape.tag == "cylinder":
        return _turned(np.array([0.0, radius, radius, 0.0]), np.array([half, half, -half, -half]))
    rings = np.linspace(0.0, np.pi, _SIDES // 2 + 2)
    return _turned(radius * np.sin(rings), radius * np.cos(rings) + np.where(rings < np.pi / 2, half, -half))


def _size(shape: ElementTree.Element, name: str) -> float:
    size = float(shape.get(name, "nan"))
    if not (np.isfinite(size) and size > 0.0):
        raise ValueError(f"the {name} of its {shape.tag} is {shape.get(name)}; expected a length, m")
    return size


def _box(size: Array) -> Array:
    """Return the 12 triangles of a box about the origin, `(12, 3, 3)`, outward."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * size / 2
    squares = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return np.array([corners[list(three)] for a, b, c, d in squares for three in ((a, b, c), (a, c, d))])


def _turned(radii: Array, heights: Array) -> Array:
    """Return the surface of a profile turned about z: triangles `(n, 3, 3)`, outward for heights that fall."""
    angles = np.linspace(0.0, 2.0 * np.pi, _SIDES + 1)
    rings = np.stack(
        [radii[:, None] * np.cos(angles), radii[:, None] * np.sin(angles), np.repeat(heights[:, None], len(angles), 1)],
        axis=-1,
    )
    a, b, c, d = rings[:-1, :-1], rings[1:, :-1], rings[1:, 1:], rings[:-1, 1:]
    triangles = np.concatenate([np.stack([a, b, c], axis=2), np.stack([a, c, d], axis=2)]).reshape(-1, 3, 3)
    sides = triangles[:, 1:] - triangles[:, :1]
    return np.asarray(triangles[np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) > 0.0])


def _placed(points: Array, origin: ElementTree.Element | None) -> Array:
    if origin is None:
        return points
    xyz, rpy = ([float(word) for word in origin.get(name, "0 0 0").split()] for name in ("xyz", "rpy"))
    return np.asarray(points @ np.array(rotation_rpy(rpy)).reshape(3, 3).T + xyz)


def _colour(material: ElementTree.Element | None, named: dict[str, ElementTree.Element]) -> tuple[int, int, int]:
    for element in (material, None if material is None else named.get(material.get("name", ""))):
        colour = None if element is None else element.find("color")
        if colour is not None:
            r, g, b = (round(255 * min(1.0, max(0.0, float(word)))) for word in colour.get("rgba", "").split()[:3])
            return r, g, b
    return GREY
