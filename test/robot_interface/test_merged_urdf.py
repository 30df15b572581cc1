"""Merging fixed links changes neither poses nor motion."""

import math
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pybullet
import pytest

from robot_interface_ros.files.description import share_directory, urdf_text
from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.faults.inertia import complete
from robot_interface_ros.urdf.faults.repair import repair
from robot_interface_ros.urdf.merged import merge_fixed_links
from robot_interface_ros.urdf.robot_model import RobotModel

# Two 1 kg cubes 2 m apart make 2 kg with the centre between them; the second one is turned and carries a hinge.
DUMBBELL = """<robot name="r">
  <link name="a"><inertial><origin xyz="0 0 1"/><mass value="1"/>
    <inertia ixx="1" iyy="2" izz="3" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <link name="b"><inertial><mass value="1"/><inertia ixx="1" iyy="2" izz="3" ixy="0" ixz="0" iyz="0"/></inertial>
    <collision><origin xyz="1 0 0"/><geometry><box size="1 2 3"/></geometry></collision></link>
  <link name="c"/>
  <joint name="weld" type="fixed"><origin xyz="2 0 1" rpy="0 0 1.5707963267948966"/>
    <parent link="a"/><child link="b"/></joint>
  <joint name="hinge" type="revolute"><origin xyz="1 0 0"/><parent link="b"/><child link="c"/><axis xyz="1 0 0"/>
    <limit lower="-1" upper="1" velocity="1" effort="1"/></joint>
</robot>"""


def inmoov(articulated: str) -> str:
    return urdf_text(share_directory() / "urdf/inmoov.urdf.xacro", {"articulated": articulated})


def mass_matrix(text: str, folder: Path, joints: tuple[str, ...], q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joint-space inertia and gravity torques in the order of `joints`, as PyBullet computes them."""
    file = folder / "robot.urdf"
    file.write_text(text)
    client = pybullet.connect(pybullet.DIRECT)
    body = pybullet.loadURDF(
        str(file), useFixedBase=True, flags=pybullet.URDF_USE_INERTIA_FROM_FILE, physicsClientId=client
    )
    infos = [
        pybullet.getJointInfo(body, joint, physicsClientId=client)
        for joint in range(pybullet.getNumJoints(body, physicsClientId=client))
    ]
    names = [info[1].decode() for info in infos if info[2] != pybullet.JOINT_FIXED]
    assert set(names) == set(joints)
    order = [names.index(name) for name in joints]
    angles = [float(q[joints.index(name)]) for name in names]
    pybullet.setGravity(0, 0, -9.81, physicsClientId=client)
    inertia = np.array(pybullet.calculateMassMatrix(body, angles, physicsClientId=client))
    zero = [0.0] * len(angles)
    torques = np.array(pybullet.calculateInverseDynamics(body, angles, zero, zero, physicsClientId=client))
    pybullet.disconnect(client)
    return inertia[np.ix_(order, order)], torques[order]


def test_a_dumbbell_worked_out_by_hand() -> None:
    merged = merge_fixed_links(DUMBBELL)
    model = RobotModel.from_urdf(merged)
    assert model.links == ("a", "c")
    assert tuple(model.joints) == ("hinge",)
    inertial = ElementTree.fromstring(merged).find("link[@name='a']/inertial")
    assert inertial is not None
    values = {key: float(value) for element in inertial for key, value in element.attrib.items() if " " not in value}
    centre = inertial.find("origin")
    assert centre is not None
    assert [float(word) for word in centre.get("xyz", "").split()] == pytest.approx([1, 0, 1])
    assert values["value"] == 2.0
    # Both are 1 m from the centre along x: 1 kg m2 more each about y and z. b is turned: its x and y change places.
    assert (values["ixx"], values["iyy"], values["izz"]) == pytest.approx((1 + 2, 2 + 1 + 2, 3 + 3 + 2))
    assert (values["ixy"], values["ixz"], values["iyz"]) == pytest.approx((0, 0, 0), abs=1e-12)
    box = model.collisions["a"][0]
    assert box.size == (1.0, 2.0, 3.0)
    assert box.xyz == pytest.approx((2, 1, 1))
    assert box.rpy == pytest.approx((0, 0, math.pi / 2))
    assert model.joints["hinge"].parent == "a"
    assert model.joints["hinge"].xyz == pytest.approx((2, 1, 1))


@pytest.mark.parametrize("articulated", ["right_arm", "waist head left_hand", "all"])
def test_what_moves_stays_where_it_was(articulated: str) -> None:
    whole, merged = (
        RobotModel.from_urdf(inmoov(articulated)),
        RobotModel.from_urdf(merge_fixed_links(inmoov(articulated))),
    )
    assert merged.joint_names == whole.joint_names
    assert merged.mimic_joints == tuple(
        joint for joint in merged.joints.values() if joint.name in {mimic.name for mimic in whole.mimic_joints}
    )
    assert all(joint.type != "fixed" for joint in merged.joints.values())
    assert len(merged.links) == 1 + len(merged.joints)
    for q in np.random.default_rng(8).uniform(-1, 1, (5, len(whole.joint_names))):
        poses = whole.link_poses(q)
        for link, (position, rotation) in merged.link_poses(q).items():
            np.testing.assert_allclose(position, poses[link][0], atol=1e-12, err_msg=link)
            np.testing.assert_allclose(rotation, poses[link][1], atol=1e-12, err_msg=link)
    assert sum(map(len, merged.collisions.values())) == sum(map(len, whole.collisions.values()))


@pytest.mark.parametrize("articulated", ["right_arm", "waist left_arm"])
def test_masses_move_as_before(articulated: str, tmp_path: Path) -> None:
    text = inmoov(articulated)
    model = RobotModel.from_urdf(text)
    q = np.random.default_rng(8).uniform(model.limits().lower, model.limits().upper)
    inertia, torques = mass_matrix(text, tmp_path, model.joint_names, q)
    merged_inertia, merged_torques = mass_matrix(merge_fixed_links(text), tmp_path, model.joint_names, q)
    np.testing.assert_allclose(merged_inertia, inertia, atol=1e-6)
    np.testing.assert_allclose(merged_torques, torques, atol=1e-5)
    assert np.abs(torques).max() > 0.5


def test_a_right_angle_of_pitch_survives() -> None:
    text = DUMBBELL.replace('rpy="0 0 1.5707963267948966"', 'rpy="0.3 1.5707963267948966 0.2"')
    before, after = RobotModel.from_urdf(text), RobotModel.from_urdf(merge_fixed_links(text))
    np.testing.assert_allclose(after.link_poses([0.4])["c"][1], before.link_poses([0.4])["c"][1], atol=1e-8)


@pytest.mark.bad_input
def test_text_that_is_no_robot_is_refused() -> None:
    with pytest.raises(RobotModelError, match="not XML"):
        merge_fixed_links("robot.urdf")


@pytest.mark.slow
@pytest.mark.parametrize(("fixed", "moving"), [(1500, 1), (100, 400)])
def test_long_chains_are_read_mended_and_folded_in_seconds(fixed: int, moving: int) -> None:
    """Walking from every link to the root would take minutes, and a recursive function would raise RecursionError."""
    links = [
        f'<link name="l{i}"><collision><geometry><sphere radius="0.01"/></geometry></collision></link>'
        for i in range(fixed + moving + 1)
    ]
    hinge = '<axis xyz="0 0 1"/><limit lower="-1" upper="1" velocity="1" effort="0"/>'
    joints = [
        f'<joint name="j{i}" type="{"revolute" if i < moving else "fixed"}"><origin xyz="0.001 0 0"/><parent link="l{i}"/>'
        f'<child link="l{i + 1}"/>{hinge if i < moving else ""}</joint>'
        for i in range(fixed + moving)
    ]
    began = time.process_time()
    text, given = complete(repair(f"<robot name='r'>{''.join(links + joints)}</robot>").text, lambda mesh: None)
    model = RobotModel.from_urdf(merge_fixed_links(text))
    assert time.process_time() - began < 15.0  # 2 s here
    assert len(given) == fixed + moving and len(model.links) == moving + 1
    position, _ = RobotModel.from_urdf(text).link_poses(np.zeros(moving))[f"l{fixed + moving}"]
    np.testing.assert_allclose(position, (0.001 * (fixed + moving), 0.0, 0.0))
