"""Convert a robot description for PyBullet: remove or rewrite elements that PyBullet does not know or reads wrongly.

PyBullet's reader requires names for the robot and its materials, applies `lower` and `upper` to continuous joints, and
does not normalise the axis of a joint. Mesh files that it cannot read are converted, and kept in a cache.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import math
import os
import tempfile
import xml.etree.ElementTree as ElementTree
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.urdf.mesh_files import Mesh, read_mesh
from robot_interface_ros.urdf.meshes import mesh_file
from robot_interface_ros.urdf.pose import written
from robot_interface_ros.urdf.robot_model import RobotModel

_log = logging.getLogger(__name__)
Array = NDArray[np.float64]

READ_BY_PYBULLET = (".obj", ".stl")
"""Only binary STL. PyBullet's reader of COLLADA ends the process if it does not understand a file."""
MOST_TRIANGLES = 10_000
"""Limit for one collision mesh. PyBullet takes the convex hull; above the limit, that of at most DIRECTIONS vertices."""
DIRECTIONS = 200
_KEPT = {
    "link": ("inertial", "visual", "collision", "contact"),
    "joint": ("origin", "axis", "parent", "child", "limit", "dynamics"),
}


def for_pybullet(urdf: str) -> str:
    """Return the same robot for PyBullet. The mesh files in `urdf` must be paths already."""
    model, robot = RobotModel.from_urdf(urdf), ElementTree.fromstring(urdf)
    converted = ElementTree.Element("robot", name=robot.get("name") or "robot")
    for part in robot:
        if part.tag == "material" and part.get("name"):
            converted.append(copy.deepcopy(part))
        if part.tag not in _KEPT:
            continue
        kept = ElementTree.SubElement(converted, part.tag, part.attrib)
        kept.extend(copy.deepcopy(child) for child in part if child.tag in _KEPT[part.tag])
        if part.tag == "joint":
            _write_joint(kept, model)
    for index, material in enumerate(converted.iter("material")):
        if not material.get("name"):
            material.set("name", f"unnamed_{index}")
    for link in converted.findall("link"):
        for shape in (*link.findall("visual"), *link.findall("collision")):
            for mesh in shape.iterfind("geometry/mesh"):
                mesh.set("filename", str(readable_mesh(mesh_file(mesh.get("filename", "")), shape.tag == "collision")))
    ElementTree.indent(converted)
    return ElementTree.tostring(converted, encoding="unicode")


def _write_joint(element: ElementTree.Element, model: RobotModel) -> None:
    joint = model.joints[element.get("name", "")]
    axis = element.find("axis")
    if axis is not None and joint.type != "fixed":
        axis.set("xyz", written(joint.axis))
    for dynamics in element.findall("dynamics"):
        if not all(_is_number(value) for value in dynamics.attrib.values()):
            element.remove(dynamics)
    limit = element.find("limit")
    if joint.type == "continuous" and limit is not None:
        for label in ("lower", "upper"):
            limit.attrib.pop(label, None)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def readable_mesh(file: Path, collision: bool) -> Path:
    """Return a mesh file that PyBullet can read: the file itself, or a converted copy.

    `collision`: the mesh is a collision shape. PyBullet takes the convex hull of each of its objects.
    """
    status = file.stat()
    return _readable(file, collision, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _readable(file: Path, collision: bool, *state: int) -> Path:
    suffix, mesh = file.suffix.lower(), None
    plain = suffix in READ_BY_PYBULLET and (suffix != ".stl" or _is_binary_stl(file))
    if collision:
        mesh = read_mesh(file)
        triangles = sum(len(part) for part in mesh.parts)
        if triangles > MOST_TRIANGLES:
            _log.info("%s has %d triangles; its convex hull is simplified for collisions", file, triangles)
            return _kept(file, "hull", state, mesh)
    if plain:
        return file
    return _kept(file, "hull" if collision else "stl", state, mesh)


def _kept(file: Path, kind: str, state: tuple[int, ...], mesh: Mesh | None) -> Path:
    """Return the converted copy of `file` from the cache; make it if it is not there."""
    digest = hashlib.sha256(f"1 {file} {kind} {state}".encode()).hexdigest()[:32]
    copied = _cache_folder() / f"{digest}.{'obj' if kind == 'hull' else 'stl'}"
    if not copied.is_file():
        mesh = mesh or read_mesh(file)
        write_atomically(copied, hulls_obj(mesh) if kind == "hull" else binary_stl(mesh))
    return copied


@lru_cache(maxsize=1)
def _cache_folder() -> Path:
    """Return the user's cache folder; if it cannot be written, a new temporary folder."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rl_trainer_ros" / "meshes"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return Path(tempfile.mkdtemp(prefix="rl_trainer_meshes_"))


def _is_binary_stl(file: Path) -> bool:
    with file.open("rb") as stream:
        head = stream.read(84)
    return len(head) == 84 and file.stat().st_size == 84 + 50 * int(np.frombuffer(head, "<u4", 1, 80)[0])


def binary_stl(mesh: Mesh) -> bytes:
    """Return a mesh as a binary STL file, with computed normals."""
    triangles = np.concatenate(mesh.parts)
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    rows = np.zeros(len(triangles), np.dtype([("numbers", "<f4", 12), ("spare", "<u2")]))
    rows["numbers"] = np.concatenate([normals, triangles.reshape(-1, 9)], axis=1)
    return bytes(80) + np.uint32(len(triangles)).tobytes() + rows.tobytes()


def hulls_obj(mesh: Mesh) -> bytes:
    """Return an OBJ file with the same objects, each reduced to vertices with nearly the same convex hull."""
    lines, count = [], 0
    for index, part in enumerate(mesh.parts):
        corners = outermost(part.reshape(-1, 3))
        lines += [f"o part_{index}", *(f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in corners)]
        # Any faces that name every vertex will do: PyBullet computes the hull itself.
        numbers = [count + 1 + i for i in range(len(corners))]
        lines += [f"f {numbers[0]} {a} {b}" for a, b in zip(numbers, numbers[1:])]
        count += len(corners)
    return ("\n".join(lines) + "\n").encode()


def outermost(points: Array, directions: int = DIRECTIONS) -> Array:
    """Return the outermost of `points` `(n, 3)` in each of some evenly spread directions; all points if they are few.

    The directions are a Fibonacci lattice on the sphere. The convex hull of the result lies within that of `points`.
    """
    points = np.unique(points, axis=0)
    if len(points) <= directions:
        return points
    k = np.arange(directions) + 0.5
    z, turn = 1.0 - 2.0 * k / directions, np.pi * (1.0 + 5.0**0.5) * k
    across = np.sqrt(1.0 - z * z)
    along = np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=1)
    size = np.maximum(np.ptp(points, axis=0), 1e-12)  # scaled, so that the directions also cover flat and long parts
    chosen = {int(np.argmax((points / size) @ direction)) for direction in along}
    return points[sorted(chosen)]
