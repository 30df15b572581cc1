"""Robots of users: how their files are found, which joints are fixed, and which follow others."""

from __future__ import annotations

import math
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import RobotDescription, load_robot
from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.held_joints import hold_joints
from robot_interface_ros.urdf.meshes import locate_meshes, mesh_bounds, mesh_file, with_mesh_boxes
from robot_interface_ros.urdf.robot_model import RobotModel
from robot_sim_ros.pybullet_robot import PyBulletRobot
from robot_sim_ros.pybullet_urdf import for_pybullet
from robot_sim_ros.sim_config import SimConfig

LIMIT = '<limit lower="-1" upper="1" velocity="2" effort="5"/>'


def joint(name: str, parent: str, child: str, inside: str = LIMIT, kind: str = "revolute") -> str:
    return (
        f'<joint name="{name}" type="{kind}"><origin xyz="0 0 0.2" rpy="0.3 0 0"/><axis xyz="0 1 0"/>'
        f'<parent link="{parent}"/><child link="{child}"/>{inside}</joint>\n'
    )


def link(name: str, inside: str = "") -> str:
    return (
        f'<link name="{name}"><inertial><mass value="0.2"/>'
        f'<inertia ixx="0.001" ixy="0" ixz="0" iyy="0.001" iyz="0" izz="0.001"/></inertial>{inside}</link>\n'
    )


# lead carries follow (a mimic), which carries last (a mimic of the mimic); spare is in no group.
MIMICS = (
    '<robot name="r">'
    + "".join(link(name) for name in "abcde")
    + joint("lead", "a", "b")
    + joint("follow", "b", "c", f'{LIMIT}<mimic joint="lead" multiplier="-0.5" offset="0.1"/>')
    + joint("last", "c", "d", f'{LIMIT}<mimic joint="follow" multiplier="2" offset="0.2"/>')
    + joint("spare", "d", "e")
    + "</robot>"
)


def own_robot(folder: Path, urdf: str, settings: str = "") -> RobotDescription:
    """A robot file that names its URDF by a path relative to the folder of the robot file."""
    (folder / "robot").mkdir(parents=True)
    (folder / "robot" / "mine.urdf").write_text(urdf)
    lines = f"urdf: robot/mine.urdf\nend_effector: e\narticulated: [arm]\ngroups: {{arm: [lead]}}\n{settings}"
    (folder / "mine.yaml").write_text(lines)
    return load_robot(str(folder / "mine.yaml"))


def test_a_path_counts_from_the_yaml_file_and_joints_in_no_group_are_held_at_rest(tmp_path: Path) -> None:
    description = own_robot(tmp_path, MIMICS, "rest: {spare: 0.7, lead: 0.2}")
    assert description.joint_names == ("lead",)
    assert description.model.joints["spare"].type == "fixed"
    whole = RobotModel.from_urdf(MIMICS)
    there = whole.link_poses([0.4 if name == "lead" else 0.7 for name in whole.joint_names])["e"]
    here = description.model.link_poses([0.4])["e"]
    np.testing.assert_allclose(here[0], there[0], atol=1e-12)
    np.testing.assert_allclose(here[1], there[1], atol=1e-12)


def test_what_follows_a_held_joint_is_held_with_it() -> None:
    model = RobotModel.from_urdf(hold_joints(MIMICS, {"spare"}, {"lead": 5.0}))  # beyond its limit: held at 1
    assert model.joint_names == ("spare",)
    assert model.mimic_joints == ()
    whole = RobotModel.from_urdf(MIMICS).link_poses([1.0, 0.3])["e"]
    np.testing.assert_allclose(model.link_poses([0.3])["e"][0], whole[0], atol=1e-12)
    assert hold_joints(MIMICS, {"lead", "spare"}, {}) == MIMICS


def test_a_mimic_of_a_mimic_is_simulated(tmp_path: Path) -> None:
    robot = PyBulletRobot(own_robot(tmp_path, MIMICS), SimConfig(), start_ns=0)
    observation = robot.reset(Episode())
    for _ in range(40):
        robot.send(Command(observation.stamp, ("lead",), np.array([0.4])))
        observation = robot.receive()
    index = robot.body.index
    stands = {name: robot._client.getJointState(robot.body.id, index[name])[0] for name in index}
    robot.close()
    assert stands["lead"] == pytest.approx(0.4, abs=0.02)
    assert stands["follow"] == pytest.approx(-0.5 * 0.4 + 0.1, abs=0.02)
    assert stands["last"] == pytest.approx(2 * (-0.5 * 0.4 + 0.1) + 0.2, abs=0.02)


def test_what_turns_for_ever_is_kept_within_a_turn(tmp_path: Path) -> None:
    limits = own_robot(tmp_path, MIMICS.replace('"lead" type="revolute"', '"lead" type="continuous"')).limits
    assert (limits.lower[0], limits.upper[0]) == (-math.pi, math.pi)


TRIANGLE = ((0.0, 0.0, 0.0), (100.0, 0.0, 50.0), (0.0, 200.0, -50.0))  # mm


def write_binary_stl(file: Path) -> None:
    corners = [number for corner in TRIANGLE for number in corner]
    file.write_bytes(bytes(80) + struct.pack("<I12fH", 1, 0, 0, 1, *corners, 0))


def test_extents_of_meshes_in_three_formats(tmp_path: Path) -> None:
    write_binary_stl(tmp_path / "a.stl")
    rows = [f"{x} {y} {z}" for x, y, z in TRIANGLE]
    (tmp_path / "b.STL").write_text("solid b\nfacet\n" + "".join(f"  vertex {row}\n" for row in rows) + "endsolid\n")
    (tmp_path / "c.obj").write_text("# c\nvn 900 0 0\n" + "".join(f"v {row}\n" for row in rows) + "f 1 2 3\n")
    for name in ("a.stl", "b.STL", "c.obj"):
        bounds = mesh_bounds(tmp_path / name)
        assert bounds[0].tolist() == [0, 0, -50]
        assert bounds[1].tolist() == [100, 200, 50]


def meshed(name: str) -> str:
    shape = f'<origin xyz="0 0 1"/><geometry><mesh filename="{name}" scale="0.001 0.001 0.001"/></geometry>'
    return f'<robot name="r">{link("a", f"<visual>{shape}</visual><collision>{shape}</collision>")}</robot>'


@pytest.mark.parametrize("name", ["meshes/a.stl", "package://mine/meshes/a.stl"])
def test_meshes_are_found_beside_the_urdf_or_in_a_package_folder_above_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mine" / "urdf"
    mesh = (tmp_path / "mine" if "package" in name else folder) / "meshes" / "a.stl"
    folder.mkdir(parents=True)
    mesh.parent.mkdir()
    write_binary_stl(mesh)
    located = locate_meshes(meshed(name), folder).text
    assert located.count(f'filename="file://{mesh}"') == 2
    assert mesh_file(f"file://{mesh}") == mesh
    assert for_pybullet(located).count(f'filename="{mesh}"') == 2
    assert locate_meshes(located, Path("/elsewhere")).text == located
    model = with_mesh_boxes(RobotModel.from_urdf(located), located)
    (box,) = model.collisions["a"]
    assert box.size == pytest.approx((0.1, 0.2, 0.1))
    assert box.xyz == pytest.approx((0.05, 0.1, 1.0))


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["none.stl", "package://no_such_package/a.stl", "/no/such.stl"])
def test_a_mesh_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(RobotModelError, match=f"link 'a' has a visual mesh {name}, which does not exist; ") as caught:
        locate_meshes(meshed(name), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_a_mesh_that_is_no_file_is_named(tmp_path: Path) -> None:
    for name in (str(tmp_path), "/dev/zero"):
        with pytest.raises(RobotModelError, match=f"has a visual mesh {name}, which is no file"):
            locate_meshes(meshed(name), tmp_path)


@pytest.mark.bad_input
def test_a_robot_file_that_says_something_twice_is_refused(tmp_path: Path) -> None:
    own_robot(tmp_path, MIMICS)
    text, bad = (tmp_path / "mine.yaml").read_text(), tmp_path / "bad.yaml"
    bad.write_text(text.replace("[lead]", "[lead, lead]"))
    with pytest.raises(ConfigError, match="group .* has joint lead twice"):
        load_robot(str(bad))
    bad.write_text(text + "cameras: {nose: {eye: [0, 0, 1], look_at: [0, 0, 1]}}\n")
    with pytest.raises(ConfigError, match=r"bad.yaml: cameras.nose: a camera at .* looks at itself"):
        load_robot(str(bad))


@pytest.mark.bad_input
def test_a_joint_that_follows_another_cannot_be_in_a_group(tmp_path: Path) -> None:
    own_robot(tmp_path, MIMICS)
    (tmp_path / "bad.yaml").write_text((tmp_path / "mine.yaml").read_text().replace("[lead]", "[lead, follow]"))
    with pytest.raises(ConfigError, match="joint follow follows lead"):
        load_robot(str(tmp_path / "bad.yaml"))


@pytest.mark.bad_input
def test_a_robot_of_pybullets_without_pybullet_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    load_robot.cache_clear()
    monkeypatch.setitem(sys.modules, "pybullet_data", None)
    with pytest.raises(FileNotFoundError, match="comes with PyBullet, which is not installed: pip install pybullet"):
        load_robot("kuka_iiwa")
