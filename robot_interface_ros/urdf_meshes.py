"""Meshes that a URDF names: where their files lie, and how large they are."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.description import resolve
from robot_interface_ros.kinematics import IDENTITY, compose
from robot_interface_ros.robot_model import RobotModel, Shape
from robot_interface_ros.urdf_pose import element_pose, rpy

FILE = "file://"
THINNEST_M = 1e-6  # an extent must be above 0


def locate_meshes(text: str, folder: Path) -> str:
    """The same URDF with every mesh as a URI that names a file that exists.

    A relative path is taken from `folder`, where the URDF lies. package://<package>/<path> stays where a ROS package of that
    name is installed; else a folder of that name beside or above the URDF is taken. Raises FileNotFoundError, in one line.
    """
    robot = ElementTree.fromstring(text)
    changed = False
    for mesh in robot.iter("mesh"):
        name = mesh.get("filename", "")
        located = _located(name, folder)
        changed = changed or located != name
        mesh.set("filename", located)
    return ElementTree.tostring(robot, encoding="unicode") if changed else text


def plain_mesh_paths(text: str) -> str:
    """The same URDF with every mesh as an absolute path, as PyBullet wants it; the meshes are located already."""
    robot = ElementTree.fromstring(text)
    meshes = list(robot.iter("mesh"))
    for mesh in meshes:
        mesh.set("filename", str(mesh_file(mesh.get("filename", ""))))
    return ElementTree.tostring(robot, encoding="unicode") if meshes else text


def mesh_file(uri: str) -> Path:
    """The file that a located mesh's URI names."""
    return Path(uri.removeprefix(FILE)) if uri.startswith(FILE) else resolve(uri)


def with_mesh_boxes(model: RobotModel, text: str) -> RobotModel:
    """The model of a URDF with the bounding boxes of its collision meshes among its collision primitives.

    The box encloses the mesh, so whatever keeps clear of it keeps clear of the mesh. A mesh that is neither STL nor OBJ has
    no box: its extents are not read here.
    """
    collisions = dict(model.collisions)
    for link in ElementTree.fromstring(text).findall("link"):
        boxes = [box for collision in link.findall("collision") for box in [_mesh_box(collision)] if box is not None]
        collisions[link.get("name", "")] = (*collisions[link.get("name", "")], *boxes)
    return dataclasses.replace(model, collisions=collisions)


@lru_cache(maxsize=1024)
def mesh_bounds(file: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Lowest and highest corner of a mesh, each `(3,)`, in the file's own unit; None for a format that is not read here."""
    try:
        points = {".stl": _stl_points, ".obj": _obj_points}[file.suffix.lower()](file)
    except (KeyError, ValueError):
        return None
    return (points.min(axis=0), points.max(axis=0)) if len(points) else None


def mesh_extents(mesh: ElementTree.Element) -> tuple[float, float, float] | None:
    """Edges of the bounding box of a <mesh> element whose file is located, m; None for a format that is not read here."""
    bounds = mesh_bounds(mesh_file(mesh.get("filename", "")))
    if bounds is None:
        return None
    x, y, z = np.abs((bounds[1] - bounds[0]) * mesh_scale(mesh)).tolist()
    return x, y, z


def mesh_scale(mesh: ElementTree.Element) -> NDArray[np.float64]:
    """The mesh's scale, `(3,)`."""
    return np.array([float(word) for word in mesh.get("scale", "1 1 1").split()])


def _located(name: str, folder: Path) -> str:
    if name.startswith("package://"):
        try:
            if resolve(name).is_file():
                return name
        except FileNotFoundError:
            pass
        package = name.removeprefix("package://")
        found = next((near / package for near in (folder, *folder.parents) if (near / package).is_file()), None)
        remedy = (
            f"source its package's setup.bash, or put a folder {package.partition('/')[0]} beside or above the URDF"
        )
    else:
        found = folder / name.removeprefix(FILE)  # an absolute path replaces the folder
        remedy = "a relative path counts from the URDF's folder"
    if found is None or not found.is_file():
        raise FileNotFoundError(f"the robot description in {folder} names a mesh {name}, which is not there; {remedy}")
    return FILE + str(found.resolve())


def _mesh_box(collision: ElementTree.Element) -> Shape | None:
    mesh = collision.find("geometry/mesh")
    bounds = mesh_bounds(mesh_file(mesh.get("filename", ""))) if mesh is not None else None
    if mesh is None or bounds is None:
        return None
    low, high = np.array(bounds) * mesh_scale(mesh)
    pose = element_pose(collision)
    x, y, z = ((low + high) / 2).tolist()
    sx, sy, sz = np.maximum(np.abs(high - low), THINNEST_M).tolist()
    return Shape("box", (sx, sy, sz), compose(pose, (IDENTITY, (x, y, z)))[1], rpy(pose[0]))


def _stl_points(file: Path) -> NDArray[np.float64]:
    """Vertices of an STL file: binary (80 bytes, a count, then 50 bytes a triangle) where its size says so, else text."""
    data = file.read_bytes()
    count = int(np.frombuffer(data, "<u4", 1, 80)[0]) if len(data) >= 84 else 0
    if len(data) == 84 + 50 * count:
        triangles = np.frombuffer(data, np.dtype([("corners", "<f4", 12), ("spare", "<u2")]), count, 84)
        return triangles["corners"][:, 3:].reshape(-1, 3).astype(np.float64)
    return _numbers_after(data, "vertex")


def _obj_points(file: Path) -> NDArray[np.float64]:
    return _numbers_after(file.read_bytes(), "v")


def _numbers_after(data: bytes, word: str) -> NDArray[np.float64]:
    """The three numbers of every line that begins with `word`."""
    rows = [line.split() for line in data.decode("ascii", errors="replace").splitlines()]
    return np.array([[float(number) for number in row[1:4]] for row in rows if row and row[0] == word]).reshape(-1, 3)
