"""Meshes of robots: read in five formats and converted for PyBullet; an unusable mesh is named in the error."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from own_urdf import CORNERS, arm, binary_stl, collada, glb, meshed, obj, own_robot, text_stl

from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.mesh_files import Mesh, MeshError, read_mesh
from robot_sim_ros.pybullet_robot import PyBulletRobot
from robot_sim_ros.pybullet_urdf import binary_stl as binary_stl_of
from robot_sim_ros.pybullet_urdf import hulls_obj, outermost, readable_mesh
from robot_sim_ros.sim_config import SimConfig

FORMATS = {"p.stl": binary_stl(), "t.STL": text_stl(), "p.obj": obj(), "p.dae": collada(), "p.glb": glb()}
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot_sim_ros.pybullet_urdf._cache_folder", lambda: tmp_path)


@pytest.mark.parametrize("name", FORMATS)
def test_a_tetrahedron_in_every_format_is_seen_and_felt_by_pybullet(tmp_path: Path, name: str) -> None:
    """COLLADA: the unit and the pose of the node are used; glTF: the pose of the node."""
    file = own_robot(tmp_path, arm(b=meshed(name, 'scale="2 1 1"')), {name: FORMATS[name]})
    low, high = read_mesh(tmp_path / name).bounds
    shift = 0.1 if name in ("p.dae", "p.glb") else 0.0
    np.testing.assert_allclose(low, np.add(np.min(CORNERS, axis=0), [shift, 0, 0]), atol=1e-6)
    np.testing.assert_allclose(high, np.add(np.max(CORNERS, axis=0), [shift, 0, 0]), atol=1e-6)
    robot = PyBulletRobot(load_robot(file), SimConfig(), start_ns=0)
    client, body = robot._client, robot.body
    index = {name: link for link, name in body.links.items()}["b"]
    assert len(client.getCollisionShapeData(body.id, index)) == 1
    felt_low, felt_high = client.getAABB(body.id, index)
    shown = [entry for entry in client.getVisualShapeData(body.id) if entry[1] == index]
    robot.close()
    assert len(shown) == 1
    # The link stands upright, 0.6 m above the root; PyBullet adds a margin to every box.
    np.testing.assert_allclose(felt_low, [2 * shift, 0, 0.6], atol=0.01)
    np.testing.assert_allclose(felt_high, [2 * shift + 0.2, 0.2, 0.9], atol=0.01)


BROKEN = {
    "gone.stl": (None, "which does not exist; a relative path is relative to the URDF's folder"),
    "package://no_such/p.stl": (None, "put the folder of package no_such next to or above the URDF"),
    "http://a/p.stl": (None, "is on another machine; download it"),
    "P.stl": ({"p.STL": binary_stl()}, "which does not exist; the file is called p.STL"),
    "empty.stl": (b"", "which is empty"),
    "lfs.stl": (LFS, "is a git-lfs pointer, not the mesh; fetch the file itself"),
    "lfs.dae": (LFS, "is a git-lfs pointer"),
    "cut.stl": (binary_stl()[:150], "is incomplete: it has 150 of 284 bytes"),
    "cut_text.stl": (text_stl()[:200], "is incomplete: a text STL ends with endsolid"),
    "page.stl": (b"<html>not found</html>" * 9, "begins with '<html>not found</htm', not an STL"),
    "none.stl": (bytes(84), "has no triangles"),
    "nan.stl": (binary_stl()[:96] + b"\xff" * 12 + binary_stl()[108:], "coordinates that are not finite"),
    "none.obj": (b"v 0 0 0\n", "has no triangles"),
    "cut.obj": (obj()[:28] + b"f 1 2 3\n", "is incomplete: a face refers to a missing vertex"),
    "half.obj": (obj()[:20], "is incomplete: a vertex has fewer than three coordinates"),
    "none.dae": (b"<COLLADA/>", "has no triangles"),
    "cut.dae": (collada()[:300], "is not a readable DAE file"),
    "far.dae": (collada().replace(b"<p>0", b"<p>9"), "is not a readable DAE file: index 9"),
    "cut.glb": (glb()[:-10], "is incomplete"),
    "p.mesh": (b"[MeshSerializer_v1.8]", "has an unsupported format; convert it to one of .stl, .obj, .dae"),
}


@pytest.mark.bad_input
@pytest.mark.parametrize("name", BROKEN)
def test_a_mesh_that_cannot_be_used_is_named_with_its_link_and_line(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    content, complaint = BROKEN[name]
    files = content if isinstance(content, dict) else {name: content} if content is not None else {}
    urdf = arm(b="\n\n" + meshed(name, tags=("visual",)))
    with pytest.raises(RobotModelError) as caught:
        load_robot(own_robot(tmp_path, urdf, files))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/arm.urdf, line 6: link 'b' has a visual mesh {name}, which ")
    assert complaint in message and "\n" not in message
    assert message.endswith("to load the robot without it, set broken_meshes: leave_out_visual in the robot file")
    load_robot.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert "<mesh" not in load_robot(own_robot(tmp_path, urdf, files, "broken_meshes: leave_out_visual")).urdf
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"left out: {name} of link b (visual), which " in line


@pytest.mark.bad_input
def test_a_mesh_that_robots_collide_with_is_left_out_by_its_own_setting_alone(tmp_path: Path) -> None:
    urdf = arm(b=meshed("lfs.stl"))
    with pytest.raises(RobotModelError, match="'b' has a collision mesh lfs.stl, .* broken_meshes: leave_out in"):
        load_robot(own_robot(tmp_path, urdf, {"lfs.stl": LFS}, "broken_meshes: leave_out_visual"))
    load_robot.cache_clear()
    assert "<mesh" not in load_robot(own_robot(tmp_path, urdf, {"lfs.stl": LFS}, "broken_meshes: leave_out")).urdf


@pytest.mark.bad_input
@pytest.mark.parametrize("scale", ["mm", "0 0 0", "1", "1 1 nan", "1 1 1 1", ""])
def test_a_scale_that_is_none_is_named(tmp_path: Path, scale: str) -> None:
    urdf = arm(b=meshed("p.stl", f'scale="{scale}"'))
    with pytest.raises(
        RobotModelError, match=f"line 4: link 'b' has .* p.stl, which has the scale '{scale}'; expected"
    ):
        load_robot(own_robot(tmp_path, urdf, {"p.stl": binary_stl()}))


@pytest.mark.parametrize("name", ["my part.stl", "my%20part.stl", "file://my part.stl", "file:FOLDER/my part.stl"])
def test_names_with_spaces_and_names_as_uris(tmp_path: Path, name: str) -> None:
    urdf = arm(b=meshed(name.replace("FOLDER", str(tmp_path)), 'scale="-1 1 1"'))
    description = load_robot(own_robot(tmp_path, urdf, {"my part.stl": binary_stl()}))
    PyBulletRobot(description, SimConfig(), start_ns=0).close()
    box = description.model.collisions["b"][0]
    assert box.xyz == pytest.approx((-0.05, 0.1, 0.15))  # mirrored


def test_heavy_collision_meshes_are_simplified_and_keep_their_extent(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    ball = generator.normal(size=(20_000, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    corners = outermost(ball * [1.0, 0.1, 0.02])
    assert len(corners) <= 200
    np.testing.assert_allclose(np.ptp(corners, axis=0), [2.0, 0.2, 0.04], rtol=0.02)
    mesh = Mesh((ball[:9000].reshape(-1, 3, 3), ball[9000:18_000].reshape(-1, 3, 3) + 5.0))
    (tmp_path / "heavy.obj").write_bytes(hulls_obj(mesh))
    read = read_mesh(tmp_path / "heavy.obj")
    assert len(read.parts) == 2  # PyBullet makes a hull of each object
    assert len(read.points) < 1300
    np.testing.assert_allclose(read.bounds, mesh.bounds, atol=0.02)


def test_a_collision_mesh_is_simplified_from_ten_thousand_triangles_on(tmp_path: Path) -> None:
    triangles = np.random.default_rng(0).normal(size=(10_001, 3, 3))
    for count, simplified in ((10_000, False), (10_001, True)):
        file = tmp_path / f"{count}.stl"
        file.write_bytes(binary_stl_of(Mesh((triangles[:count],))))
        assert (readable_mesh(file, collision=True) != file) == simplified
        assert readable_mesh(file, collision=False) == file


def test_what_is_converted_is_made_once_and_made_anew_when_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "t.stl"
    file.write_bytes(text_stl())
    first = readable_mesh(file, collision=False)
    assert first != file and readable_mesh(file, collision=False) == first
    np.testing.assert_allclose(read_mesh(first).bounds, read_mesh(file).bounds, atol=1e-6)
    file.write_bytes(text_stl() + b"\n")
    assert readable_mesh(file, collision=False) != first
    (tmp_path / "b.stl").write_bytes(binary_stl())
    assert readable_mesh(tmp_path / "b.stl", collision=True) == tmp_path / "b.stl"


@pytest.mark.bad_input
def test_a_file_that_is_not_there_is_an_error_of_meshes(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="cannot be read"):
        read_mesh(tmp_path / "none.stl")
