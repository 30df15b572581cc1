"""The robot model read from small URDF texts: names, order, limits, mimics, poses, and an error for each bad input."""

import math
import pickle

import numpy as np
import pytest

from robot_interface_ros.urdf.elements import Joint, Mimic, RobotModelError, Shape
from robot_interface_ros.urdf.robot_model import RobotModel

LIMIT = '<limit lower="-1" upper="2" velocity="0.5" effort="3"/>'


def joint(name: str, parent: str, child: str, kind: str = "revolute", inside: str = LIMIT) -> str:
    return f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>{inside}</joint>'


def robot(*joints: str, links: str = "abcd") -> str:
    return f'<robot name="r">{"".join(f"<link name={chr(34)}{x}{chr(34)}/>" for x in links)}{"".join(joints)}</robot>'


def arm() -> RobotModel:
    """Two joints and a mimic: z at 1 m height, y at 2 m in front of it, then a slide along -x that mimics the first."""
    return RobotModel.from_urdf(
        robot(
            joint("second", "b", "c", inside=f'<origin xyz="2 0 0"/><axis xyz="0 1 0"/>{LIMIT}'),
            joint("first", "a", "b", inside=f'<origin xyz="0 0 1"/><axis xyz="0 0 3"/>{LIMIT}'),
            joint(
                "slide",
                "c",
                "d",
                "prismatic",
                f'<axis xyz="-1 0 0"/>{LIMIT}<mimic joint="first" multiplier="0.5" offset="0.1"/>',
            ),
        )
    )


def test_names_keep_the_order_of_the_text_and_leave_out_mimics() -> None:
    model = arm()
    assert model.joint_names == ("second", "first")
    assert [mimic.name for mimic in model.mimic_joints] == ["slide"]
    assert model.joints["slide"].mimic == Mimic("first", 0.5, 0.1)
    assert model.root == "a"
    assert model.links == ("a", "b", "c", "d")
    assert model.joints["first"].axis == (0.0, 0.0, 1.0)


def test_limits_follow_the_joint_names_and_cannot_be_written() -> None:
    text = robot(
        joint("one", "a", "b", inside='<limit lower="-1" upper="2" velocity="0.5" effort="3"/>'),
        joint("two", "b", "c", inside='<limit upper="0.25" velocity="4" effort="5"/>'),
        joint("wheel", "c", "d", "continuous", ""),
    )
    limits = RobotModel.from_urdf(text).limits()
    assert limits.names == ("one", "two", "wheel")
    assert limits.lower.tolist() == [-1.0, 0.0, -math.inf]  # a missing bound is 0 in the URDF format
    assert limits.upper.tolist() == [2.0, 0.25, math.inf]
    assert limits.velocity.tolist() == [0.5, 4.0, math.inf]
    assert limits.effort.tolist() == [3.0, 5.0, math.inf]
    with pytest.raises(ValueError, match="read-only"):
        limits.lower[0] = 0.0


def test_index_goes_by_name() -> None:
    assert arm().index(["first", "second", "first"]) == [1, 0, 1]


def test_link_poses_worked_out_by_hand() -> None:
    # first = 90 degrees about z at (0, 0, 1): its x axis points along y. second = 90 degrees about y after that: its x
    # axis points down. The slide moves by .5 * first + .1 along -x, so up.
    poses = arm().link_poses([math.pi / 2, math.pi / 2])
    np.testing.assert_allclose(poses["b"][0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(poses["c"][0], [0, 2, 1], atol=1e-12)
    np.testing.assert_allclose(poses["d"][0], [0, 2, 1 + 0.5 * math.pi / 2 + 0.1], atol=1e-12)
    np.testing.assert_allclose(poses["c"][1] @ [1, 0, 0], [0, 0, -1], atol=1e-12)


def test_a_mimic_of_a_mimic_multiplies() -> None:
    text = robot(
        joint("lead", "a", "b"),
        joint("follow", "b", "c", inside=f'{LIMIT}<mimic joint="lead" multiplier="2" offset="0.1"/>'),
        joint("last", "c", "d", inside=f'{LIMIT}<mimic joint="follow" multiplier="3" offset="0.01"/>'),
    )
    # about x all: the angles add up to .2 + (.4 + .1) + (3 * .5 + .01) = 2.21
    rotation = RobotModel.from_urdf(text).link_poses([0.2])["d"][1]
    assert math.atan2(rotation[2, 1], rotation[1, 1]) == pytest.approx(2.21)


def test_collision_primitives_are_read_and_meshes_left_out() -> None:
    text = """<robot name="r"><link name="a">
      <collision><origin xyz="1 2 3" rpy="0 0 .5"/><geometry><box size="1 2 3"/></geometry></collision>
      <collision><geometry><sphere radius="0.1"/></geometry></collision>
      <collision><geometry><cylinder radius="0.1" length="2"/></geometry></collision>
      <collision><geometry><capsule radius="0.2" length="3"/></geometry></collision>
      <collision><geometry><mesh filename="x.stl"/></geometry></collision>
    </link></robot>"""
    assert RobotModel.from_urdf(text).collisions["a"] == (
        Shape("box", (1.0, 2.0, 3.0), (1.0, 2.0, 3.0), (0.0, 0.0, 0.5)),
        Shape("sphere", (0.1,)),
        Shape("cylinder", (0.1, 2.0)),
        Shape("capsule", (0.2, 3.0)),
    )


def test_a_model_survives_pickling() -> None:
    """Environments in other processes receive their robot in this way."""
    model = arm()
    assert pickle.loads(pickle.dumps(model)) == model


BAD = {
    "path/to/robot.urdf": "not XML",
    "<sdf/>": "<sdf>; expected <robot>",
    "<robot/>": "no <link>",
    robot(joint("j", "a", "b", "hinge"), links="ab"): "'j' has type 'hinge'; known: revolute",
    robot(joint("j", "a", "b", inside=""), links="ab"): "'j' is revolute and has no <limit>",
    robot(joint("j", "a", "b", inside='<limit lower="0" upper="1"/>'), links="ab"): "'j' <limit> has no .*'velocity'",
    robot(
        joint("j", "a", "b", inside=LIMIT.replace("-1", "3")), links="ab"
    ): "'j' has lower limit 3.0 > upper limit 2.0",
    robot(
        joint("j", "a", "b", inside=LIMIT.replace("-1", "x")), links="ab"
    ): "'j' limit lower is 'x'; expected a number",
    robot(joint("j", "a", "b", inside=LIMIT.replace("0.5", "-1")), links="ab"): "'j' has velocity -1.0",
    robot(joint("j", "a", "b", inside=f'{LIMIT}<axis xyz="0 0 0"/>'), links="ab"): "'j' has axis 0 0 0",
    robot(joint("j", "a", "b", inside=f'{LIMIT}<axis xyz="0 1"/>'), links="ab"): "'j' axis is '0 1'; expected three",
    robot(joint("j", "a", "b", inside=f'{LIMIT}<mimic joint="k"/>'), links="ab"): "'j' mimics 'k', which is not",
    robot(
        joint("k", "a", "b", "fixed", ""), joint("j", "b", "c", inside=f'{LIMIT}<mimic joint="k"/>'), links="abc"
    ): "'j' mimics 'k', which is fixed",
    robot(
        joint("j", "a", "b", inside=f'{LIMIT}<mimic joint="k"/>'),
        joint("k", "b", "c", inside=f'{LIMIT}<mimic joint="j"/>'),
        links="abc",
    ): "in a loop: j -> k -> j",
    robot(joint("j", "a", "b"), joint("k", "b", "a"), links="ab"): "form a loop: a -> b -> a",
    robot(joint("j", "a", "b"), links="abc"): "2 root links: a, c",
    robot(joint("j", "a", "c"), joint("k", "b", "c"), links="abc"): "'c' is the child of two joints",
    robot(joint("j", "a", "x"), links="ab"): "'j' refers to link 'x'",
    robot(joint("j", "a", "b"), joint("j", "b", "c"), links="abc"): "joint 'j' is defined 2 times",
    robot(links="aa"): "link 'a' is defined 2 times",
    '<robot><link name="a"/><joint name="j" type="fixed"><child link="a"/></joint></robot>': "'j' has no <parent>",
}


@pytest.mark.bad_input
@pytest.mark.parametrize("text, complaint", BAD.items(), ids=[complaint[:30] for complaint in BAD.values()])
def test_bad_text_is_refused_with_its_cause(text: str, complaint: str) -> None:
    with pytest.raises(RobotModelError, match=complaint) as caught:
        RobotModel.from_urdf(text)
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_unknown_names_are_refused_with_the_known_ones() -> None:
    model = arm()
    with pytest.raises(RobotModelError, match="unknown joint elbow; the independent joints are second, first"):
        model.index(["first", "elbow"])
    with pytest.raises(RobotModelError, match="unknown joint slide"):  # a mimic joint is no one's to command
        model.index(["slide"])
    with pytest.raises(RobotModelError, match="unknown link 'x'; known: a, b, c, d"):
        model.chain("x")
    with pytest.raises(RobotModelError, match="'c' is not an ancestor of 'b'"):
        model.chain("b", root="c")
    with pytest.raises(RobotModelError, match=r"shape \(3,\), expected \(2,\)"):
        model.link_poses(np.zeros(3))


@pytest.mark.bad_input
def test_parts_check_themselves() -> None:
    with pytest.raises(RobotModelError, match="swap them"):
        Joint("j", "revolute", "a", "b", lower=1.0, upper=0.0)
    with pytest.raises(RobotModelError, match="length 1"):
        Joint("j", "revolute", "a", "b", axis=(0.0, 0.0, 2.0))
    with pytest.raises(RobotModelError, match="unknown shape 'cone'; known: box"):
        Shape("cone", (1.0,))
    with pytest.raises(RobotModelError, match="every extent must be > 0"):
        Shape("box", (1.0, 0.0, 1.0))
