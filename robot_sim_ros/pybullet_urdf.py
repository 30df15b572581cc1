"""A robot description as PyBullet can read it: nothing that it does not know, nothing that it would take for something else.

PyBullet's reader asks for a name of robot and materials, takes the limits of a joint that turns for ever for real ones,
and does not make an axis of length 1. Meshes that it does not read are converted, and kept for the next time.
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
"""Of STL only the binary kind. Its reader of COLLADA ends the process where a file is not as it expects."""
MOST_TRIANGLES = 10_000
"""Of one collision mesh. PyBullet takes its convex hull; that of a heavier one is made of DIRECTIONS of its corners."""
DIRECTIONS = 200
_KEPT = {
    "link": ("inertial", "visual", "collision", "contact"),
    "joint": ("origin", "axis", "parent", "child", "limit", "dynamics"),
}


def for_pybullet(urdf: str) -> str:
    """The same robot, for PyBullet; its meshes are located already."""
    model, robot = RobotModel.from_urdf(urdf), ElementTree.fromstring(urdf)
    made = ElementTree.Element("robot", name=robot.get("name") or "robot")
    for part in robot:
        if part.tag == "material" and part.get("name"):
            made.append(copy.deepcopy(part))
        if part.tag not in _KEPT:
            continue
        kept = ElementTree.SubElement(made, part.tag, part.attrib)
        kept.extend(copy.deepcopy(child) for child in part if child.tag in _KEPT[part.tag])
        if part.tag == "joint":
            _write_joint(kept, model)
    for index, material in enumerate(made.iter("material")):
        if not material.get("name"):
            material.set("name", f"unnamed_{index}")
    for link in made.findall("link"):
        for shape in (*link.findall("visual"), *link.findall("collision")):
            for mesh in shape.iterfind("geometry/mesh"):
                mesh.set("filename", str(readable_mesh(mesh_file(mesh.get("filename", "")), shape.tag == "collision")))
    ElementTree.indent(made)
    return ElementTree.tostring(made, encoding="unicode")


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
    """A mesh that PyBullet reads: the file itself, or what it was converted into.

    `collision`: for a collision shape, of which PyBullet takes the convex hull, object by object.
    """
    about = file.stat()
    return _readable(file, collision, about.st_mtime_ns, about.st_size)


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
    """What `file` is converted into, made where it was not made before."""
    digest = hashlib.sha256(f"1 {file} {kind} {state}".encode()).hexdigest()[:32]
    made = _cache_folder() / f"{digest}.{'obj' if kind == 'hull' else 'stl'}"
    if not made.is_file():
        mesh = mesh or read_mesh(file)
        write_atomically(made, hulls_obj(mesh) if kind == "hull" else binary_stl(mesh))
    return made


@lru_cache(maxsize=1)
def _cache_folder() -> Path:
    """A folder of this user's that stays; where there is none, one that nobody else has."""
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
    """A mesh as a binary STL file, normals computed."""
    triangles = np.concatenate(mesh.parts)
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    rows = np.zeros(len(triangles), np.dtype([("numbers", "<f4", 12), ("spare", "<u2")]))
    rows["numbers"] = np.concatenate([normals, triangles.reshape(-1, 9)], axis=1)
    return bytes(80) + np.uint32(len(triangles)).tobytes() + rows.tobytes()


def hulls_obj(mesh: Mesh) -> bytes:
    """An OBJ file with one object for each of the mesh's: corners whose convex hull is nearly that of the object."""
    lines, count = [], 0
    for index, part in enumerate(mesh.parts):
        corners = outermost(part.reshape(-1, 3))
        lines += [f"o part_{index}", *(f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in corners)]
        # Any faces that name every corner: PyBullet makes the hull itself.
        numbers = [count + 1 + i for i in range(len(corners))]
        lines += [f"f {numbers[0]} {a} {b}" for a, b in zip(numbers, numbers[1:])]
        count += len(corners)
    return ("\n".join(lines) + "\n").encode()


def outermost(points: Array, directions: int = DIRECTIONS) -> Array:
    """Those of some points `(n, 3)` that lie outermost in evenly spread directions; all, where they are few.

    The directions are a Fibonacci lattice on the sphere; the hull of what is returned lies within that of all points.
    """
    points = np.unique(points, axis=0)
    if len(points) <= directions:
        return points
    k = np.arange(directions) + 0.5
    z, turn = 1.0 - 2.0 * k / directions, np.pi * (1.0 + 5.0**0.5) * k
    across = np.sqrt(1.0 - z * z)
    along = np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=1)
    size = np.maximum(np.ptp(points, axis=0), 1e-12)  # a flat or long part is seen from all sides too
    chosen = {int(np.argmax((points / size) @ direction)) for direction in along}
    return points[sorted(chosen)]
