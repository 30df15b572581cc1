"""The meshes of a URDF: their files and their sizes."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from robot_interface_ros.files.description import PACKAGE, resolve, share_directory
from robot_interface_ros.files.package_search import ament_share, package_folders
from robot_interface_ros.urdf.elements import RobotModelError, Shape
from robot_interface_ros.urdf.kinematics import IDENTITY, compose
from robot_interface_ros.urdf.mesh_files import Array, MeshError, read_mesh
from robot_interface_ros.urdf.pose import element_pose, rpy
from robot_interface_ros.urdf.robot_model import RobotModel

BROKEN_MESHES = ("refuse", "leave_out_visual", "leave_out")
"""How missing or unreadable meshes are handled: as an error, or left out."""
FILE = "file://"
PACKAGED = ("package://", "model://")
THINNEST_M = 1e-6  # smallest extent of a box, which must be above 0


@dataclass(frozen=True)
class LocatedMeshes:
    """URDF text whose meshes exist and are readable, and a line about meshes that were left out."""

    text: str
    notes: tuple[str, ...] = ()


def locate_meshes(text: str, folder: Path, broken: str = "refuse") -> LocatedMeshes:
    """Return the URDF with a URI for every mesh, each of an existing file that was read.

    A relative path is relative to `folder`, the folder of the URDF. package://<package>/<path> stays if the ROS package is
    installed; otherwise the package is searched near the URDF (`package_search`). `broken`: one of BROKEN_MESHES, for
    missing or unreadable meshes. Raises RobotModelError, one line, with the names of link and mesh.
    """
    robot = ElementTree.fromstring(text)
    changed, left_out = False, []
    for link in robot.findall("link"):
        for shape in (*link.findall("visual"), *link.findall("collision")):
            for mesh in shape.iterfind("geometry/mesh"):
                name = mesh.get("filename", "")
                try:
                    located = _located(name, folder)
                    mesh_bounds(mesh_file(located))
                    _check_scale(mesh)
                except MeshError as error:
                    if not (broken == "leave_out" or (broken == "leave_out_visual" and shape.tag == "visual")):
                        raise _refusal(link, shape, name, str(error)) from None
                    link.remove(shape)
                    why = str(error).partition(";")[0]
                    left_out.append(f"{name} of link {link.get('name')} ({shape.tag}), which {why}")
                    changed = True
                    break
                changed = changed or located != name
                mesh.set("filename", located)
    notes = [f"meshes that cannot be used, left out: {_some(left_out)}"] if left_out else []
    return LocatedMeshes(ElementTree.tostring(robot, encoding="unicode") if changed else text, tuple(notes))


def _refusal(link: ElementTree.Element, shape: ElementTree.Element, name: str, why: str) -> RobotModelError:
    setting = "leave_out_visual" if shape.tag == "visual" else "leave_out"
    remedy = f"; to load the robot without it, set broken_meshes: {setting} in the robot file"
    return RobotModelError(
        f"link {link.get('name')!r} has a {shape.tag} mesh {name}, which {why}{remedy}", ("mesh", "filename", name)
    )


def _some(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f", and {len(names) - most} more" if len(names) > most else "")


def mesh_file(uri: str) -> Path:
    """Return the file of the URI of a located mesh."""
    return Path(uri.removeprefix(FILE)) if uri.startswith(FILE) else resolve(uri)


def with_mesh_boxes(model: RobotModel, text: str) -> RobotModel:
    """Return the model of a URDF with the bounding boxes of collision meshes added to its collision primitives.

    A box encloses its mesh, so a body that does not touch the box does not touch the mesh. An unreadable mesh has no box.
    """
    collisions = dict(model.collisions)
    for link in ElementTree.fromstring(text).findall("link"):
        boxes = [box for collision in link.findall("collision") for box in [_mesh_box(collision)] if box is not None]
        collisions[link.get("name", "")] = (*collisions[link.get("name", "")], *boxes)
    return dataclasses.replace(model, collisions=collisions)


def mesh_bounds(file: Path) -> tuple[Array, Array]:
    """Return the lowest and the highest corner of a mesh, each `(3,)`, in the unit of the file. Raises MeshError."""
    try:
        about = file.stat()
    except OSError:
        raise MeshError("does not exist") from None
    return _bounds(file, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=4096)
def _bounds(file: Path, *state: int) -> tuple[Array, Array]:
    return read_mesh(file).bounds


def mesh_box(mesh: ElementTree.Element) -> tuple[Array, Array] | None:
    """Return the lowest and the highest corner of a located <mesh> element, `(3,)` m each; None if it is unreadable."""
    try:
        bounds = mesh_bounds(mesh_file(mesh.get("filename", "")))
    except (MeshError, FileNotFoundError):
        return None
    corners = np.array(bounds) * mesh_scale(mesh)
    return corners.min(axis=0), corners.max(axis=0)


def mesh_scale(mesh: ElementTree.Element) -> Array:
    """Return the scale of a mesh, `(3,)`; negative numbers mirror it."""
    return np.array([float(word) for word in mesh.get("scale", "1 1 1").split()])


def _check_scale(mesh: ElementTree.Element) -> None:
    scale = mesh.get("scale", "1 1 1")
    try:
        numbers = mesh_scale(mesh)
    except ValueError:
        numbers = np.zeros(0)
    if numbers.shape != (3,) or not np.isfinite(numbers).all() or not numbers.all() or np.abs(numbers).max() > 1e6:
        raise MeshError(f'has the scale {scale!r}; expected three numbers other than 0, such as "0.001 0.001 0.001"')


def _located(name: str, folder: Path) -> str:
    """Return the URI of a mesh's file. Raises MeshError."""
    if not name:
        raise MeshError("has no file name")
    if name.startswith(("http://", "https://")):
        raise MeshError("is on another machine; download it and give its path")
    plain = name.removeprefix(FILE).removeprefix("file:")
    packaged = name.startswith(PACKAGED)
    candidates = []
    for path in dict.fromkeys((plain, unquote(plain))):  # a URI has %20 where a path has a space
        if packaged:
            package, _, rest = path.partition("://")[2].lstrip("/").partition("/")
            own = (share_directory(),) if package == PACKAGE else ()
            candidates += [found / rest for found in (*own, *package_folders(package, folder))]
        else:
            candidates.append(folder / Path(path).expanduser())  # an absolute path replaces the folder
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        near = next(
            (other for candidate in candidates for other in [_other_case(candidate)] if other is not None), None
        )
        if near is not None:
            raise MeshError(f"does not exist; the file is called {near.name}")
        remedy = "a relative path is relative to the URDF's folder"
        if packaged:
            package = name.partition("://")[2].lstrip("/").partition("/")[0]
            remedy = (
                f"source its package's setup.bash, or put the folder of package {package} next to or above the URDF"
            )
        there = any(candidate.exists() for candidate in candidates)
        raise MeshError("is no file" if there else f"does not exist; {remedy}")
    if name.startswith("package://") and _is_installed(name):
        return name
    return FILE + str(found.resolve())


def _is_installed(name: str) -> bool:
    package, _, rest = name.removeprefix("package://").partition("/")
    share = share_directory() if package == PACKAGE else ament_share(package)
    return share is not None and (share / rest).is_file()


def _other_case(file: Path) -> Path | None:
    """Return a file of the same folder whose name differs only in capital letters."""
    try:
        others = [other for other in file.parent.iterdir() if other.name.lower() == file.name.lower()]
        return next((other for other in others if other.is_file()), None)
    except OSError:
        return None


def _mesh_box(collision: ElementTree.Element) -> Shape | None:
    mesh = collision.find("geometry/mesh")
    corners = mesh_box(mesh) if mesh is not None else None
    if corners is None:
        return None
    low, high = corners
    pose = element_pose(collision)
    x, y, z = ((low + high) / 2).tolist()
    sx, sy, sz = np.maximum(high - low, THINNEST_M).tolist()
    return Shape("box", (sx, sy, sz), compose(pose, (IDENTITY, (x, y, z)))[1], rpy(pose[0]))
