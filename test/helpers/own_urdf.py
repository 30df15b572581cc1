"""A three-joint arm as URDF text, with parts that a test can replace, and its robot file."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

CYLINDER = '<origin xyz="0 0 0.15"/><geometry><cylinder radius="0.03" length="0.3"/></geometry>'
SHAPES = f"<visual>{CYLINDER}</visual><collision>{CYLINDER}</collision>"
LIMIT = '<limit lower="-1.5" upper="1.5" velocity="1" effort="20"/>'
CORNERS = ((0.0, 0.0, 0.0), (0.1, 0.0, 0.0), (0.0, 0.2, 0.0), (0.0, 0.0, 0.3))
"""Of a tetrahedron, m."""
FACES = ((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3))


def inertial(mass: str = "0.5", inertia: str = 'ixx="0.004" iyy="0.004" izz="0.0005"', xyz: str = "0 0 0.15") -> str:
    return f'<inertial><origin xyz="{xyz}"/><mass value="{mass}"/><inertia {inertia}/></inertial>'


def link(name: str, own: str | None = None, shapes: str = SHAPES) -> str:
    return f'<link name="{name}">{inertial() if own is None else own}{shapes}</link>'


def joint(
    name: str,
    parent: str,
    child: str,
    limit: str = LIMIT,
    kind: str = "revolute",
    axis: str = '<axis xyz="0 1 0"/>',
    origin: str = '<origin xyz="0 0 0.3"/>',
) -> str:
    ends = f'<parent link="{parent}"/><child link="{child}"/>'
    return f'<joint name="{name}" type="{kind}">{origin}{axis}{ends}{limit}</joint>'


PARTS = {
    "base": link("base"),
    "a": link("a"),
    "b": link("b"),
    "c": link("c"),
    "j1": joint("j1", "base", "a", axis='<axis xyz="0 0 1"/>'),
    "j2": joint("j2", "a", "b"),
    "j3": joint("j3", "b", "c"),
}
"""Line by line of `arm`, the first of them in line 2."""


def arm(**changed: str) -> str:
    """Return the URDF; `changed` replaces parts, or appends to them."""
    return "\n".join(['<robot name="arm">', *{**PARTS, **changed}.values(), "</robot>"])


def meshed(name: str, scale: str = "", tags: tuple[str, ...] = ("visual", "collision")) -> str:
    """Return a link b whose shapes are a mesh."""
    return link("b", shapes="".join(f'<{t}><geometry><mesh filename="{name}" {scale}/></geometry></{t}>' for t in tags))


def own_robot(folder: Path, urdf: str | bytes, files: Mapping[str, bytes] | None = None, more: str = "") -> str:
    """Write the URDF, other files and a robot file; return its path. `more`: lines that replace those of the same name."""
    for name, content in {"arm.urdf": urdf, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    lines = ["urdf: arm.urdf", "end_effector: c", "articulated: [arm]", "groups: {arm: [j1, j2, j3]}"]
    settings = {line.partition(":")[0]: line for line in [*lines, *more.splitlines()]}
    (folder / "own.yaml").write_text("\n".join(settings.values()))
    return str(folder / "own.yaml")


def binary_stl() -> bytes:
    rows = [struct.pack("<12fH", 0, 0, 0, *(x for corner in face for x in CORNERS[corner]), 0) for face in FACES]
    return bytes(80) + struct.pack("<I", len(rows)) + b"".join(rows)


def text_stl() -> bytes:
    facets = "".join(
        "facet normal 0 0 0\nouter loop\n"
        + "".join("vertex {} {} {}\n".format(*CORNERS[corner]) for corner in face)
        + "endloop\nendfacet\n"
        for face in FACES
    )
    return f"solid t\n{facets}endsolid t\n".encode()


def obj() -> bytes:
    vertices = "".join("v {} {} {}\n".format(*corner) for corner in CORNERS)
    return (vertices + "".join(f"f {a + 1}/1 {b + 1}/1 {c - 4}/1\n" for a, b, c in FACES)).encode()


def collada() -> bytes:
    """In centimetres, and moved by (10, 0, 0) cm."""
    numbers = " ".join(str(100 * x) for corner in CORNERS for x in corner)
    places = " ".join(str(corner) for face in FACES for corner in face)
    return (
        '<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1"><asset><unit meter="0.01"/></asset>'
        '<library_geometries><geometry id="g"><mesh><source id="s"><float_array count="12">'
        f'{numbers}</float_array><technique_common><accessor count="4" stride="3"/></technique_common></source>'
        '<vertices id="v"><input semantic="POSITION" source="#s"/></vertices><polylist count="4">'
        f'<input semantic="VERTEX" source="#v" offset="0"/><vcount>3 3 3 3</vcount><p>{places}</p></polylist></mesh>'
        '</geometry></library_geometries><library_visual_scenes><visual_scene id="w"><node><translate>10 0 0</translate>'
        '<instance_geometry url="#g"/></node></visual_scene></library_visual_scenes><scene><instance_visual_scene '
        'url="#w"/></scene></COLLADA>'
    ).encode()


def glb() -> bytes:
    """Moved by (0.1, 0, 0) m."""
    points = b"".join(struct.pack("<3f", *corner) for corner in CORNERS)
    order = b"".join(struct.pack("<3H", *face) for face in FACES)
    text = (
        b'{"asset":{"version":"2.0"},"scenes":[{"nodes":[0]}],"nodes":[{"mesh":0,"translation":[0.1,0,0]}],'
        b'"meshes":[{"primitives":[{"attributes":{"POSITION":0},"indices":1}]}],"accessors":['
        b'{"bufferView":0,"componentType":5126,"count":4,"type":"VEC3"},'
        b'{"bufferView":1,"componentType":5123,"count":12,"type":"SCALAR"}],"bufferViews":['
        b'{"buffer":0,"byteOffset":0,"byteLength":48},{"buffer":0,"byteOffset":48,"byteLength":24}],'
        b'"buffers":[{"byteLength":72}]}'
    )
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", 72, b"BIN\0") + points + order
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
