"""Reads mesh files into triangles: STL (binary and text), OBJ, COLLADA and glTF. Pure numpy; errors are one line.

When a simulator cannot read a mesh file, a link is invisible, a collision shape is missing or the process crashes. So every
mesh of a robot is read here first. Formats that the simulator does not support are converted from these triangles.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.files.untrusted_files import FileError, parse_json, parse_xml, read_bytes

MOST_NODES = 10_000
MESH_LIMIT = 2**29  # bytes; the largest public ones have 100 MiB

Array = NDArray[np.float64]

POINTERS = {b"version https://git-lfs": "a git-lfs pointer", b"/annex/objects/": "a git-annex pointer"}
"""Beginning of a pointer file that stands for a larger one -> its kind."""
POINTER_REMEDY = "fetch the file itself, for git-lfs with `git lfs pull`"


class MeshError(ValueError):
    """A mesh file that cannot be used; the message is one line without the file's name."""


@dataclass(frozen=True)
class Mesh:
    """Triangles `(n, 3, 3)` in the unit of the file (COLLADA: m), one array for each object in the file."""

    parts: tuple[Array, ...]

    @property
    def points(self) -> Array:
        """All corners, `(3 n, 3)`."""
        return np.concatenate([part.reshape(-1, 3) for part in self.parts])

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest corner, each `(3,)`."""
        points = self.points
        return points.min(axis=0), points.max(axis=0)


def read_mesh(file: Path) -> Mesh:
    """Read a mesh by its suffix. Raises MeshError if it is missing, incomplete, or has no triangles."""
    try:
        data = read_bytes(file, MESH_LIMIT)
    except FileError as error:
        raise MeshError(f"cannot be read ({error})") from None
    if not data:
        raise MeshError("is empty; was its download interrupted?")
    for beginning, kind in POINTERS.items():
        if data.startswith(beginning):
            raise MeshError(f"is {kind}, not the mesh; {POINTER_REMEDY}")
    suffix = file.suffix.lower()
    if suffix not in READERS:
        raise MeshError(f"has an unsupported format; convert it to one of {', '.join(READERS)}")
    try:
        parts = READERS[suffix](data, file)
    except MeshError:
        raise
    except (
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        ElementTree.ParseError,
    ) as error:
        missing = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        reason = " ".join(missing.split())[:200] or type(error).__name__
        raise MeshError(f"is not a readable {suffix[1:].upper()} file: {reason}") from None
    parts = [part for part in parts if len(part)]
    if not parts:
        raise MeshError("has no triangles")
    if not all(np.isfinite(part).all() for part in parts):
        raise MeshError("has coordinates that are not finite")
    return Mesh(tuple(parts))


def _stl(data: bytes, file: Path) -> list[Array]:
    """Read 80 bytes, a count, 50 bytes per triangle; or text that begins with `solid`, as some binary files also do."""
    count = int(np.frombuffer(data, "<u4", 1, 80)[0]) if len(data) >= 84 else 0
    whole = 84 + 50 * count
    if len(data) >= 84 and len(data) == whole:
        return [_binary_triangles(data, count)]
    if data.lstrip()[:5].lower() == b"solid" and (b"facet" in data[:4096] or b"endsolid" in data[:4096].lower()):
        if b"endsolid" not in data[-4096:].lower():
            raise MeshError("is incomplete: a text STL ends with endsolid, and this one does not")
        return [_rows(data, "vertex").reshape(-1, 3, 3)]
    if data[:84].isascii() and b"\0" not in data[:84]:
        raise MeshError(
            f"is text that begins with {data[:20].decode('ascii')!r}, not an STL; was an error page downloaded?"
        )
    if len(data) < whole or len(data) < 84:
        raise MeshError(f"is incomplete: it has {len(data)} of {max(whole, 84)} bytes")
    return [_binary_triangles(data, count)]  # further bytes are ignored


def _binary_triangles(data: bytes, count: int) -> Array:
    triangles = np.frombuffer(data, np.dtype([("corners", "<f4", 12), ("spare", "<u2")]), count, 84)
    return triangles["corners"][:, 3:].reshape(-1, 3, 3).astype(np.float64)


def _obj(data: bytes, file: Path) -> list[Array]:
    """Read faces by object (o) and group (g), split into triangle fans; a negative index counts from the last vertex."""
    points: list[list[float]] = []
    parts: list[list[tuple[int, int, int]]] = [[]]
    for line in data.decode("utf-8", errors="replace").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            points.append([float(word) for word in words[1:4]])
            if len(points[-1]) < 3:
                raise MeshError("is incomplete: a vertex has fewer than three coordinates")
        elif words[0] == "f":
            corners = [int(word.partition("/")[0]) for word in words[1:]]
            corners = [corner - 1 if corner > 0 else len(points) + corner for corner in corners]
            if not all(0 <= corner < len(points) for corner in corners):
                raise MeshError("is incomplete: a face refers to a missing vertex")
            parts[-1] += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
        elif words[0] in ("o", "g") and parts[-1]:
            parts.append([])
    vertices = np.array(points, dtype=np.float64).reshape(-1, 3)
    return [vertices[np.array(part)] for part in parts if part]


def _dae(data: bytes, file: Path) -> list[Array]:
    """Read COLLADA 1.4 and 1.5: geometries at the poses of their nodes, m. The up axis is ignored, as in RViz."""
    root = parse_xml(data, str(file))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != "COLLADA":
        raise MeshError(f"is not a COLLADA file: its root element is <{root.tag}>")
    unit = root.find("asset/unit")
    scale = float(unit.get("meter", "1")) if unit is not None else 1.0
    by_id = {element.get("id"): element for element in root.iter() if element.get("id")}
    shapes: dict[str, Array] = {}

    def shape(url: str) -> Array:
        if url not in shapes:
            shapes[url] = _dae_triangles(by_id[url], by_id)
        return shapes[url]

    visits = itertools.count()

    def placed(node: ElementTree.Element, pose: Array, depth: int = 0) -> Iterator[Array]:
        if depth > 64 or next(visits) > MOST_NODES:
            raise MeshError("has endlessly nested nodes")
        pose = pose @ _dae_pose(node)
        for child in node:
            url = child.get("url", "").removeprefix("#")
            if child.tag == "node":
                yield from placed(child, pose, depth + 1)
            elif child.tag == "instance_node":
                yield from placed(by_id[url], pose, depth + 1)
            elif child.tag in ("instance_geometry", "instance_controller"):
                if child.tag == "instance_controller":
                    skin = by_id[url].find("skin")
                    url = skin.get("source", "").removeprefix("#") if skin is not None else url
                yield _moved(shape(url), pose)

    scene = root.find("scene/instance_visual_scene")
    scenes = [by_id[scene.get("url", "").removeprefix("#")]] if scene is not None else root.findall(".//visual_scene")
    start = np.diag([scale, scale, scale, 1.0])
    parts = [part for entry in scenes for node in entry.findall("node") for part in placed(node, start)]
    if scenes:
        return parts
    return [
        _moved(shape(geometry.get("id", "")), start) for geometry in root.findall(".//geometry") if geometry.get("id")
    ]


def _dae_pose(node: ElementTree.Element) -> Array:
    pose = np.eye(4)
    for child in node:
        if child.tag not in ("matrix", "translate", "rotate", "scale"):
            continue
        numbers = _numbers(child.text)
        step = np.eye(4)
        if child.tag == "matrix":
            step = numbers.reshape(4, 4)
        elif child.tag == "translate":
            step[:3, 3] = numbers
        elif child.tag == "scale":
            step[:3, :3] = np.diag(numbers)
        else:
            axis, angle = numbers[:3] / (np.linalg.norm(numbers[:3]) or 1.0), np.deg2rad(numbers[3])
            cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
            step[:3, :3] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
        pose = pose @ step
    return pose


def _dae_triangles(geometry: ElementTree.Element, by_id: dict[str | None, ElementTree.Element]) -> Array:
    """Return the triangles of one geometry; larger polygons are split into triangle fans."""
    found = []
    for group in geometry.iterfind("mesh/*"):
        if group.tag not in ("triangles", "polylist", "polygons", "tristrips", "trifans"):
            continue
        inputs = group.findall("input")
        width = 1 + max((int(entry.get("offset", "0")) for entry in inputs), default=0)
        vertex = next((entry for entry in inputs if entry.get("semantic") == "VERTEX"), None)
        if vertex is None:
            continue
        source = by_id[vertex.get("source", "").removeprefix("#")]
        position = next(entry for entry in source.findall("input") if entry.get("semantic") == "POSITION")
        points = _dae_points(by_id[position.get("source", "").removeprefix("#")])
        runs = [_numbers(p.text, np.int64) for p in group.findall("p")]
        runs = [run[: len(run) // width * width].reshape(-1, width)[:, int(vertex.get("offset", "0"))] for run in runs]
        for run in runs:
            if group.tag == "triangles":
                corners = run[: len(run) // 3 * 3].reshape(-1, 3)
            elif group.tag == "tristrips":
                corners = np.stack([run[:-2], run[1:-1], run[2:]], axis=1)
            else:
                polylist = group.tag == "polylist"
                corners = run[_fans(_numbers(group.findtext("vcount"), np.int64) if polylist else np.array([len(run)]))]
            found.append(points[corners])
    return np.concatenate(found) if found else np.zeros((0, 3, 3))


def _fans(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split consecutive polygons with these numbers of corners into triangles; return `(n, 3)` indices of corners."""
    within = np.maximum(counts - 2, 0)
    first = np.repeat(np.cumsum(counts) - counts, within)
    second = first + 1 + np.arange(within.sum()) - np.repeat(np.cumsum(within) - within, within)
    return np.stack([first, second, second + 1], axis=1)


def _numbers(text: str | None, kind: type = np.float64) -> NDArray[Any]:
    """Return numbers separated by spaces. Raises ValueError for other text."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text or "", kind, sep=" ")
        except DeprecationWarning:
            raise ValueError(f"{(text or '').strip()[:40]!r} are not all numbers") from None


def _dae_points(source: ElementTree.Element) -> Array:
    numbers = _numbers(source.findtext("float_array"))
    accessor = source.find("technique_common/accessor")
    stride = int(accessor.get("stride", "3")) if accessor is not None else 3
    return numbers[: len(numbers) // stride * stride].reshape(-1, stride)[:, :3]


def _glb(data: bytes, file: Path) -> list[Array]:
    """Read binary glTF 2.0: a header of 12 bytes, then chunks, each after its length and kind."""
    if data[:4] != b"glTF":
        raise MeshError("is not a binary glTF file: it does not begin with glTF")
    chunks, at = {}, 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        if at + 8 + length > len(data):
            raise MeshError(f"is incomplete: it has {len(data)} of {at + 8 + length} bytes")
        chunks[data[at + 4 : at + 8].rstrip(b"\0").decode("latin-1")] = data[at + 8 : at + 8 + length]
        at += 8 + length
    return _gltf_parts(parse_json(chunks["JSON"].decode(), str(file)), file, chunks.get("BIN", b""))


def _gltf(data: bytes, file: Path) -> list[Array]:
    return _gltf_parts(parse_json(data.decode(), str(file)), file, b"")


def _gltf_parts(gltf: dict[str, Any], file: Path, binary: bytes) -> list[Array]:
    buffers = [_gltf_buffer(entry, file, binary) for entry in gltf.get("buffers", [])]
    kinds = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}

    def values(index: int, width: int) -> NDArray[Any]:
        accessor = gltf["accessors"][index]
        if "bufferView" not in accessor or "sparse" in accessor:
            raise MeshError("has compressed or sparse triangles; export it without compression, or as STL or OBJ")
        view, kind = gltf["bufferViews"][accessor["bufferView"]], np.dtype(kinds[accessor["componentType"]])
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        shape, stride = (accessor["count"], width), view.get("byteStride", kind.itemsize * width)
        if shape[0] * width * kind.itemsize > len(buffers[view["buffer"]]):
            raise MeshError("is incomplete: it refers to more numbers than it has")
        return np.ndarray(shape, kind, buffers[view["buffer"]], start, (stride, kind.itemsize)).copy()

    def triangles(mesh: int) -> Iterator[Array]:
        for primitive in gltf["meshes"][mesh]["primitives"]:
            if primitive.get("mode", 4) != 4:
                continue  # points and lines have no surface
            points = values(primitive["attributes"]["POSITION"], 3).astype(np.float64)
            order = values(primitive["indices"], 1).ravel() if "indices" in primitive else np.arange(len(points))
            yield points[order[: len(order) // 3 * 3]].reshape(-1, 3, 3)

    seen: set[int] = set()

    def placed(index: int, pose: Array, depth: int = 0) -> Iterator[Array]:
        if index in seen or depth > 64:
            raise MeshError(f"has node {index} in more than one place, or nested too deeply")
        seen.add(index)
        node = gltf["nodes"][index]
        pose = pose @ _gltf_pose(node)
        if "mesh" in node:
            yield from (_moved(part, pose) for part in triangles(node["mesh"]))
        for child in node.get("children", []):
            yield from placed(child, pose, depth + 1)

    scenes = gltf.get("scenes", [])
    roots = scenes[gltf.get("scene", 0)].get("nodes", []) if scenes else range(len(gltf.get("nodes", [])))
    return [part for index in roots for part in placed(index, np.eye(4))]


def _gltf_buffer(entry: dict[str, Any], file: Path, binary: bytes) -> bytes:
    uri = entry.get("uri")
    if uri is None:
        return binary
    try:
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2])
        return read_bytes(file.parent / uri, MESH_LIMIT)
    except (FileError, binascii.Error) as error:
        raise MeshError(f"refers to a buffer that cannot be read ({error})") from None


def _gltf_pose(node: dict[str, Any]) -> Array:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    pose = np.eye(4)
    pose[:3, :3] = turn * np.array(node.get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    pose[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return pose


def _moved(triangles: Array, pose: Array) -> Array:
    return np.asarray(triangles @ pose[:3, :3].T + pose[:3, 3])


def _rows(data: bytes, word: str) -> Array:
    """Return the three numbers after every `word`."""
    found = re.findall(word.encode() + rb"\s+(\S+)\s+(\S+)\s+(\S+)", data)
    return np.array(found, dtype=np.float64).reshape(-1, 3)


READERS: dict[str, Callable[[bytes, Path], list[Array]]] = {
    ".stl": _stl,
    ".obj": _obj,
    ".dae": _dae,
    ".glb": _glb,
    ".gltf": _gltf,
}
"""Reader of each suffix in lower case."""
