"""Robot descriptions of users: loading, estimates, warnings, and one line for each refusal."""

from __future__ import annotations

import logging
import math
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from own_urdf import LIMIT, PARTS, SHAPES, arm, binary_stl, inertial, joint, link, meshed, own_robot

from rl_trainer_ros.arm.arm import Arm
from rl_trainer_ros.arm.workspace import ReachWorkspace
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import RobotDescription, load_robot
from robot_interface_ros.urdf.faults.inertia import masses_and_centres
from robot_interface_ros.urdf.faults.plausibility import gravity_torques
from robot_sim_ros.pybullet_robot import PyBulletRobot
from robot_sim_ros.sim_config import SimConfig

CYLINDER_KG = 1000 * math.pi * 0.03**2 * 0.3


def moved(description: RobotDescription, target: tuple[float, ...] = (0.4, -0.3, 0.5)) -> np.ndarray:
    """Return joint positions after 2 s of motion to `target`, rad; check that all observed values are finite."""
    robot = PyBulletRobot(description, SimConfig(), start_ns=0)
    robot.reset(Episode())
    for _ in range(40):
        robot.send(Command(0, description.joint_names, np.array(target)))
    seen = robot.receive()
    robot.close()
    assert np.isfinite([seen.position, seen.velocity, seen.effort]).all()
    order = [description.joint_names.index(name) for name in ("j1", "j2", "j3")]
    return seen.position[order]


def warnings_of(file: str, caplog: pytest.LogCaptureFixture) -> tuple[RobotDescription, list[str]]:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        description = load_robot(file)
    return description, [record.getMessage() for record in caplog.records]


def test_links_and_joints_stand_in_any_order(tmp_path: Path) -> None:
    parts = list(PARTS.items())
    sound = moved(load_robot(own_robot(tmp_path / "sound", arm())))
    np.testing.assert_allclose(sound, (0.4, -0.3, 0.5), atol=0.01)
    orders = [parts[::-1], [*parts[1:4], parts[0], *parts[4:]]]  # the second: the root last, as in a UR5's description
    for seed in range(3):
        orders.append(random.Random(seed).sample(parts, len(parts)))
    for index, order in enumerate(orders):
        text = "\n".join(['<robot name="arm">', *dict(order).values(), "</robot>"])
        description = load_robot(own_robot(tmp_path / str(index), text))
        target = {"j1": 0.4, "j2": -0.3, "j3": 0.5}
        np.testing.assert_allclose(moved(description, tuple(target[name] for name in description.joint_names)), sound)


@pytest.mark.bad_input
def test_a_held_joint_with_a_rest_beyond_its_limits_is_refused(tmp_path: Path) -> None:
    file = own_robot(tmp_path, arm(), more="groups: {arm: [j1, j2]}\nrest: {j3: -35}")  # degrees
    with pytest.raises(ConfigError, match=r"rest of j3 is -35.0; its limits are -\d"):
        load_robot(file)


@pytest.mark.bad_input
def test_joints_that_cannot_move_are_refused_and_limits_can_be_given(tmp_path: Path) -> None:
    placeholder = joint("j3", "b", "c", '<limit lower="0" upper="0" velocity="0" effort="0"/>')
    file = own_robot(tmp_path / "a", arm(j3=placeholder))
    with pytest.raises(
        ConfigError, match=r"joint j3 cannot move: its limits are 0 to 0; .* limits: \{j3: \[-1.5, 1.5\]\}"
    ):
        load_robot(file)
    mended = load_robot(
        own_robot(tmp_path / "b", arm(j3=placeholder), more="limits: {j3: [-1, 2]}\nmax_effort: {j3: 7}")
    )
    place = mended.joint_names.index("j3")
    assert (mended.limits.lower[place], mended.limits.upper[place], mended.limits.effort[place]) == (-1.0, 2.0, 7.0)
    for kind in ("fixed", "floating"):
        file = own_robot(tmp_path / kind, arm(j3=joint("j3", "b", "c", kind=kind)))
        with pytest.raises(ConfigError, match="joint j3 is fixed and cannot move; take it out of its group"):
            load_robot(file)


@pytest.mark.parametrize("limit", ["", '<limit lower="0" upper="0" velocity="1" effort="20"/>'])
def test_a_joint_that_turns_for_ever_needs_no_limit_and_heeds_none(tmp_path: Path, limit: str) -> None:
    description = load_robot(own_robot(tmp_path, arm(j2=joint("j2", "a", "b", limit, "continuous"))))
    assert (description.limits.lower[1], description.limits.upper[1]) == (-math.pi, math.pi)
    np.testing.assert_allclose(moved(description, (0.0, -0.8, 0.0)), (0.0, -0.8, 0.0), atol=0.02)


BAD_INERTIALS = {
    "nan": inertial("nan"),
    "text": inertial("0,5"),
    "negative": inertial("-1"),
    "huge": inertial("1e30"),
    "tons": inertial("900"),
    "centre": inertial(xyz="0 nan 0"),
    "tensor": inertial(inertia='ixx="nan" iyy="1" izz="1"'),
    "not positive": inertial(inertia='ixx="0.001" ixy="0.01" iyy="0.001" izz="0.001"'),
    "as of a house": inertial(inertia='ixx="100" iyy="100" izz="100"'),
    "zero mass": inertial("0"),
    "no mass": '<inertial><inertia ixx="1" iyy="1" izz="1"/></inertial>',
    "zero inertia": inertial(inertia=""),
    "none": "",
}


@pytest.mark.parametrize("name", BAD_INERTIALS)
def test_inertials_that_cannot_be_are_estimated_from_the_shapes(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = own_robot(tmp_path, arm(b=link("b", BAD_INERTIALS[name])))
    description, lines = warnings_of(file, caplog)
    assert len(lines) == 1 and lines[0].endswith(("links b", "move: b; estimated from the shapes"))
    mass, centre = masses_and_centres(description.urdf)["b"]
    keeps_mass = name in ("tensor", "not positive", "as of a house", "zero inertia")
    assert mass == pytest.approx(0.5 if keeps_mass else CYLINDER_KG, rel=1e-5)
    np.testing.assert_allclose(centre, (0, 0, 0.15), atol=1e-9)
    inertia = description.urdf.partition('<link name="b">')[2].partition("<inertia ")[2].partition("/>")[0]
    across = mass * (3 * 0.03**2 + 0.3**2) / 12
    assert float(inertia.partition('ixx="')[2].partition('"')[0]) == pytest.approx(across, rel=1e-4)
    load_robot.cache_clear()
    (tmp_path / "own.yaml").write_text((tmp_path / "own.yaml").read_text() + "\nrepair: false")
    with pytest.raises(ValueError, match=r"links? .*\bb\b") as caught:
        load_robot(file)
    assert "\n" not in str(caught.value)


def test_a_moving_frame_without_shape_is_light_and_one_that_is_fixed_to_a_link_weighs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bare = arm(b=link("b", "", ""), tool='<link name="tool"/>', jt=joint("jt", "c", "tool", "", "fixed"))
    description, lines = warnings_of(own_robot(tmp_path, bare), caplog)
    assert len(lines) == 1 and "links that move: b;" in lines[0]
    masses = masses_and_centres(description.urdf)
    assert masses["b"][0] == pytest.approx(0.005)  # a hundredth of the others
    assert "tool" not in masses
    np.testing.assert_allclose(moved(description), (0.4, -0.3, 0.5), atol=0.01)


def test_one_heavy_looking_link_is_not_taken_for_grams(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A head of 0.5 kg whose shape is a ball of 1 mm is denser than steel; its shape is only a marker."""
    dot = '<collision><geometry><sphere radius="0.001"/></geometry></collision>'
    description, lines = warnings_of(own_robot(tmp_path, arm(b=link("b", shapes=dot))), caplog)
    assert masses_and_centres(description.urdf)["b"][0] == 0.5
    assert not any("grams" in line for line in lines)


def test_gravity_by_hand_and_joints_too_weak_for_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All joints turn about y, and the arm is level: links of 0.5 kg centred 0.15, 0.45 and 0.75 m from the first joint."""
    level = joint("j1", "base", "a", LIMIT.replace('"20"', '"5"'))
    description, lines = warnings_of(own_robot(tmp_path, arm(j1=level), more="rest: {j1: 1.5}"), caplog)
    torque = 0.5 * 9.81 * math.sin(1.5) * (0.15 + 0.45 + 0.75)
    torques = gravity_torques(description.model, description.rest, description.urdf)
    assert torques["j1"] == pytest.approx(torque)
    assert torques["j3"] == pytest.approx(0.5 * 9.81 * math.sin(1.5) * 0.15)
    assert len(lines) == 1 and "too weak to hold the rest pose" in lines[0] and "j1 5 of 6.61" in lines[0]


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({"j2": joint("j2", "a", "b", LIMIT.replace("1.5", "90"))}, r"look like degrees: j2 \(-90 to 90\)"),
        ({"j2": joint("j2", "a", "b", origin='<origin xyz="0 0 300"/>')}, "the arm is 300 m long.*millimetres"),
        ({"j2": joint("j2", "a", "b", LIMIT, "prismatic").replace('"1.5"', '"500"')}, "look like millimetres: j2"),
        ({"b": meshed("part.stl", 'scale="1000 1000 1000"')}, r"meshes of more than 20 m: part.stl of link b;.* 0.001"),
    ],
)
def test_degrees_and_millimetres_are_doubted(
    tmp_path: Path, changed: dict[str, str], doubt: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, lines = warnings_of(own_robot(tmp_path, arm(**changed), {"part.stl": binary_stl()}), caplog)
    assert len([line for line in lines if re.search(doubt, line)]) == 1


def test_a_small_arm_has_targets(tmp_path: Path) -> None:
    """Three links of 9 cm, the shoulder 2 cm above a base of 5 cm: the clearance of a large arm would leave no target."""
    foot = (
        '<collision><origin xyz="0 0 0.025"/><geometry><cylinder radius="0.05" length="0.05"/></geometry></collision>'
    )
    small = {name: link(name, inertial("0.05", ""), "") for name in "abc"}
    joints = {
        "j1": joint("j1", "base", "a", origin='<origin xyz="0 0 0.07"/>', axis='<axis xyz="0 0 1"/>'),
        "j2": joint("j2", "a", "b", origin=""),
        "j3": joint("j3", "b", "c", origin='<origin xyz="0 0 0.09"/>'),
        "tip": link("tip", "", ""),
        "jt": joint("jt", "c", "tip", "", "fixed", origin='<origin xyz="0 0 0.09"/>'),
    }
    urdf = arm(base=link("base", shapes=foot), **small, **joints)
    own_arm = Arm(load_robot(own_robot(tmp_path, urdf, more="end_effector: tip")))
    workspace, generator = ReachWorkspace(own_arm, travel_s=4.0), np.random.default_rng(0)
    assert workspace.clearance_m == pytest.approx(0.018)  # a tenth of the arm's 18 cm
    spread = np.ptp([workspace.draw(generator) for _ in range(50)], axis=0)
    assert (spread > 0.1).all()
    away = own_arm.description.default_target() - own_arm.hand(own_arm.description.rest)
    assert np.linalg.norm(away) < 0.12


def test_robots_and_materials_need_no_names(tmp_path: Path) -> None:
    shown = SHAPE_WITHOUT_NAMES
    text = arm(b=link("b", shapes=shown), m='<material/><material name="grey"/>').replace(
        '<robot name="arm">', "<robot>"
    )
    description = load_robot(own_robot(tmp_path, text))
    assert '<robot name="arm">' in description.urdf  # the file's name
    np.testing.assert_allclose(moved(description), (0.4, -0.3, 0.5), atol=0.01)


SHAPE_WITHOUT_NAMES = (
    '<visual><geometry><sphere radius="0.1"/></geometry><material><color rgba="1 0 0 1"/></material></visual><visual/>'
    "<collision><geometry/></collision>"
)

REFUSED = {
    "": "arm.urdf is empty",
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "arm.urdf is a git-lfs pointer",
    '<robot name="a">\n<link name="b"': "arm.urdf, line 2: not XML",
    '<robot name="a">\n<xacro:property name="h" value="1"/></robot>': "arm.urdf, line 2: it uses xacro .* xmlns:xacro",
    '<sdf version="1.6"/>': "arm.urdf: the robot description's root element is <sdf>",
    arm(j4=joint("j2", "b", "c")): "arm.urdf, line 9: joint 'j2' is defined 2 times",
    arm(d='\n<link name="d"/>'): "arm.urdf, line 10: the robot has 2 root links: base, d",
    arm(j1=joint("j1", "c", "a")): "arm.urdf, line 3: links form a loop",
    arm(j2=joint("j2", "a", "b").replace('<parent link="a"/>', "")): "arm.urdf, line 7: joint 'j2' has no <parent>",
    arm(j2=joint("j2", "q", "b")): "arm.urdf, line 7: joint 'j2' refers to link 'q'",
    arm(j2=joint("j2", "a", "b", kind="ball")): "arm.urdf, line 7: joint 'j2' has type 'ball'",
    arm(j2=joint("j2", "a", "b", axis='<axis xyz="0 0 0"/>')): "arm.urdf, line 7: joint 'j2' has axis 0 0 0",
    arm(j2=joint("j2", "a", "b", axis='<axis xyz="0 nan 0"/>')): "arm.urdf, line 7: joint 'j2' axis is 'nan'",
    arm(j2=joint("j2", "a", "b", origin='<origin xyz="0 0 1e308"/>')): "line 7: joint 'j2' origin xyz is '1e308'",
    arm(j2=joint("j2", "a", "b", LIMIT.replace("-1.5", "x"))): "arm.urdf, line 7: joint 'j2' limit lower is 'x'",
    arm(j3=joint("j3", "b", "c", f'{LIMIT}<mimic joint="j3"/>')): "arm.urdf, line 8: joints mimic each other in a loop",
    arm(
        b=link("b", shapes='<collision><geometry><box size="-1 1 1"/></geometry></collision>')
    ): "line 4: link 'b' <coll",
    arm(
        b=link("b", shapes='<collision><geometry><sphere radius="x"/></geometry></collision>')
    ): "line 4: link 'b' <coll",
    arm(b=link("b", shapes=SHAPES.replace("0 0 0.15", "0 x 0", 1))): "line 4: link 'b' <visual> origin xyz",
    arm(e="<link/>"): "arm.urdf, line 9: a link has no name",
}


@pytest.mark.bad_input
@pytest.mark.parametrize("text", REFUSED, ids=list(REFUSED.values()))
def test_an_error_names_file_and_line_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=REFUSED[text]) as caught:
        load_robot(own_robot(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["1e308", "-1e308", "inf", "nan", "x", "", "-20", "0"])
def test_no_effort_and_no_speed_is_beyond_use(tmp_path: Path, number: str) -> None:
    for label, sound in (("effort", 'effort="20"'), ("velocity", 'velocity="1"')):
        weird = joint("j2", "a", "b", LIMIT.replace(sound, f'{label}="{number}"'))
        description = load_robot(own_robot(tmp_path / label, arm(j2=weird)))
        assert 0.4 < getattr(description.limits, label)[1] < 30.0


def test_limits_without_end_are_one_turn(tmp_path: Path) -> None:
    for index, (lower, upper) in enumerate([("-1e308", "1e308"), ("-inf", "inf"), ("1e308", "0")]):
        wide = joint("j2", "a", "b", f'<limit lower="{lower}" upper="{upper}" velocity="1" effort="20"/>')
        limits = load_robot(own_robot(tmp_path / str(index), arm(j2=wide))).limits
        assert (limits.lower[1], limits.upper[1]) == (-math.pi, math.pi)


@pytest.mark.bad_input
def test_a_slide_without_end_is_refused(tmp_path: Path) -> None:
    endless = '<limit lower="-1e308" upper="1e308" velocity="1" effort="20"/>'
    file = own_robot(tmp_path, arm(j2=joint("j2", "a", "b", endless, "prismatic")))
    with pytest.raises(ConfigError, match=r"the limits of joint j2 are too large: -1e\+308 to 1e\+308; set limits"):
        load_robot(file)


@pytest.mark.slow
def test_the_table_of_public_robots_has_a_row_for_any_robot(tmp_path: Path) -> None:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "public_robots.py"
    own_robot(tmp_path, arm())
    (tmp_path / "cut.urdf").write_text("<robot>")
    words = [str(tmp_path / "own.yaml"), str(tmp_path / "arm.urdf"), "tip=c", str(tmp_path / "cut.urdf")]
    command = [sys.executable, str(script), "--targets", "1", *words]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.splitlines()
    assert [line.split(" | ")[1:3] for line in lines[2:4]] == [["3 joints, 0.60 m", "yes"]] * 2
    assert all("| 1 of 1 |" in line for line in lines[2:4])
    assert lines[4].startswith("| cut.urdf | | no: .../cut.urdf, line 1: not XML")


def test_an_axis_of_any_length_is_the_same_axis(tmp_path: Path) -> None:
    long = arm(j2=joint("j2", "a", "b", axis='<axis xyz="0 10 0"/>'))
    found = [moved(load_robot(own_robot(tmp_path / name, text))) for name, text in (("a", long), ("b", arm()))]
    np.testing.assert_array_equal(*found)


def test_a_floating_base_stands_fixed(tmp_path: Path) -> None:
    floating = arm(world='<link name="world"/>', root=joint("root", "world", "base", "", "floating"))
    np.testing.assert_allclose(moved(load_robot(own_robot(tmp_path, floating))), (0.4, -0.3, 0.5), atol=0.01)


def test_text_in_the_encoding_that_it_declares(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>\n' + arm().replace('"arm"', '"bras articulé"')
    description = load_robot(own_robot(tmp_path, text.encode("latin-1")))
    assert '"bras articulé"' in description.urdf


XACRO = (
    '<robot name="arm" xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:arg name="height" default="0.3"/>{}</robot>'
)


def xacro_arm(body: str) -> str:
    return XACRO.format(body.removeprefix('<robot name="arm">').removesuffix("</robot>"))


def test_xacro_arguments_are_given_in_the_robots_file(tmp_path: Path) -> None:
    high = arm(j1=joint("j1", "base", "a", origin='<origin xyz="0 0 $(arg height)"/>', axis='<axis xyz="0 0 1"/>'))
    more = "urdf: arm.xacro\nxacro_arguments: {height: 0.5}"
    description = load_robot(own_robot(tmp_path, "", {"arm.xacro": xacro_arm(high).encode()}, more))
    assert description.model.joints["j1"].xyz == (0.0, 0.0, 0.5)
    # A .urdf that uses xacro is processed too, as `xacro arm.urdf` does.
    description = load_robot(own_robot(tmp_path / "urdf", xacro_arm(high), more="xacro_arguments: {height: 0.2}"))
    assert description.model.joints["j1"].xyz == (0.0, 0.0, 0.2)
    with pytest.raises(ValueError, match="has no argument hight; known: height"):
        load_robot(own_robot(tmp_path / "typo", xacro_arm(high), more="xacro_arguments: {hight: 0.2}"))


def test_find_looks_for_packages_as_meshes_do_and_by_the_name_in_package_xml(tmp_path: Path) -> None:
    manifest = b"<package><!-- <name>not_this</name> --><name>arm_parts</name></package>"
    part = f'<robot xmlns:xacro="http://www.ros.org/wiki/xacro">{PARTS["c"]}</robot>'.encode()
    include = xacro_arm(arm(c='<xacro:include filename="$(find arm_parts)/urdf/c.xacro"/>')).encode()
    files = {"checkout-main/package.xml": manifest, "checkout-main/urdf/c.xacro": part, "robot/arm.xacro": include}
    description = load_robot(own_robot(tmp_path, "", files, "urdf: robot/arm.xacro"))
    assert "c" in description.model.links
    files["robot/arm.xacro"] = include.replace(b"arm_parts", b"leg_parts")
    with pytest.raises(
        ValueError, match=r"arm.xacro: no ROS package 'leg_parts'; source its setup.bash, or put its folder next to"
    ) as caught:
        load_robot(own_robot(tmp_path / "lost", "", files, "urdf: robot/arm.xacro"))
    assert str(caught.value).count("leg_parts") == 1 and "class" not in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("expression", "reason"),
    [("$(env NO_SUCH_PLACE)", "environment variable 'NO_SUCH_PLACE' is not set"), ("$(eval 1/0)", "division by zero")],
)
def test_what_xacro_refuses_is_said_once(tmp_path: Path, expression: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        load_robot(own_robot(tmp_path, xacro_arm(arm(c=link(expression)))))
    assert str(caught.value) == f"xacro cannot process {tmp_path / 'arm.urdf'}: {reason}"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty, urdf is missing; add urdf: and the path of the robot's URDF or xacro file"),
        ("# end_effector: c\n", "the file is empty, urdf is missing"),
        ("end_effector: c\n", "urdf is missing"),
        ("urdf: ''\nend_effector: c\n", "urdf is missing"),
        (
            "urdf: arm.urdf\ngroups: {arm: [j1]}\n",
            "end_effector is missing; add end_effector: and the link that reaches",
        ),
    ],
)
def test_a_robot_file_that_lacks_what_every_robot_has_is_named(tmp_path: Path, text: str, reason: str) -> None:
    file = own_robot(tmp_path, arm())
    Path(file).write_text(text)
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{file}: {reason}')}"):
        load_robot(file)


def test_a_robot_file_in_which_no_group_moves_says_what_to_add(tmp_path: Path) -> None:
    robot = load_robot(own_robot(tmp_path, arm(), more="articulated: []"))
    with pytest.raises(ConfigError, match=r"name the groups that move in the robot file, articulated: \[arm\]"):
        Arm(robot)


def test_a_default_namespace_changes_nothing_but_lines_stay(tmp_path: Path) -> None:
    plain = load_robot(own_robot(tmp_path / "plain", arm()))
    spaced = arm().replace("<robot ", '<robot\n  xmlns:drake="http://drake.mit.edu"\n  xmlns="http://drake.mit.edu" ')
    description = load_robot(own_robot(tmp_path / "spaced", spaced))
    assert (description.model.joints, description.model.collisions) == (plain.model.joints, plain.model.collisions)
    assert "xmlns=" not in description.urdf
    own = load_robot(own_robot(tmp_path / "own", arm(c=link("c").replace("<link", '<link xmlns="http://sdf.org"'))))
    assert own.model.links == plain.model.links
    expanded = xacro_arm(arm()).replace("<robot ", "<robot xmlns='http://drake.mit.edu' ")
    assert load_robot(own_robot(tmp_path / "xacro", expanded)).model.links == plain.model.links
    wrong = spaced.replace('link="a"', 'link="q"', 1)
    line = 1 + wrong[: wrong.index('name="j1"')].count("\n")
    with pytest.raises(ValueError, match=f"arm.urdf, line {line}: joint 'j1' refers to link 'q'"):
        load_robot(own_robot(tmp_path / "wrong", wrong))


@pytest.mark.parametrize(("rpy", "doubted"), [("90 0 0", True), ("0 -45 0", True), ("0 0 6.2832", False)])
def test_angles_that_look_like_degrees_are_doubted(
    tmp_path: Path, rpy: str, doubted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    origin = f'<origin xyz="0 0 0.15" rpy="{rpy}"/>'
    parts = {
        "b": link("b", inertial().replace('<origin xyz="0 0 0.15"/>', origin)),
        "d": link("d"),
        "jd": joint("jd", "c", "d", "", "fixed", origin=origin),
    }
    _, lines = warnings_of(own_robot(tmp_path, arm(**parts)), caplog)
    said = [line for line in lines if "looks like degrees" in line]
    places = f"link b <inertial> ({rpy}), joint jd ({rpy})"
    remedy = "a URDF has rad: divide them by 57.3"
    assert said == ([f"robot own: origins whose rpy looks like degrees: {places}; {remedy}"] if doubted else [])
