"""A chain against the whole tree, its Jacobian against differences, and its inverse against reachable targets."""

import math
import time

import numpy as np
import pytest

from robot_interface_ros.files.description import share_directory, urdf_text
from robot_interface_ros.urdf.kinematics import Chain, Segment, rotation_about, rotation_rpy
from robot_interface_ros.urdf.robot_model import RobotModel

# A chain with everything in it: a slanted axis, a slide, a mimic that stands before its source, turned origins.
ODD = """<robot name="odd">
  <link name="a"/><link name="b"/><link name="c"/><link name="d"/><link name="e"/><link name="f"/>
  <joint name="follows" type="revolute"><parent link="a"/><child link="b"/><origin xyz=".1 .2 .3" rpy=".4 .5 .6"/>
    <axis xyz="0 -1 0"/><limit lower="-9" upper="9" velocity="1" effort="1"/>
    <mimic joint="leads" multiplier="-.7" offset=".2"/></joint>
  <joint name="slanted" type="revolute"><parent link="b"/><child link="c"/><origin xyz=".3 0 .1"/>
    <axis xyz="1 2 -2"/><limit lower="-3" upper="3" velocity="1" effort="1"/></joint>
  <joint name="stiff" type="fixed"><parent link="c"/><child link="d"/><origin xyz="0 .2 0" rpy="0 0 1"/></joint>
  <joint name="slide" type="prismatic"><parent link="d"/><child link="e"/><origin rpy="-1 .3 0"/>
    <axis xyz="0 3 4"/><limit lower="-1" upper="1" velocity="1" effort="1"/></joint>
  <joint name="leads" type="continuous"><parent link="e"/><child link="f"/><origin xyz=".2 .1 0"/>
    <axis xyz="0 0 -1"/></joint>
</robot>"""


def inmoov(articulated: str = "right_arm") -> RobotModel:
    return RobotModel.from_urdf(urdf_text(share_directory() / "urdf/inmoov.urdf.xacro", {"articulated": articulated}))


@pytest.mark.parametrize(
    "model, tip", [(RobotModel.from_urdf(ODD), "f"), (inmoov("all"), "r_palm"), (inmoov("all"), "l_pinky4")]
)
def test_chain_agrees_with_the_tree(model: RobotModel, tip: str) -> None:
    chain = model.chain(tip)
    rng = np.random.default_rng(3)
    for _ in range(50):
        q = rng.uniform(-1.5, 1.5, len(model.joint_names))
        position, rotation = model.link_poses(q)[tip]
        own = q[model.index(chain.joint_names)]
        np.testing.assert_allclose(chain.position(own), position, atol=1e-12)
        np.testing.assert_allclose(chain.pose(own)[0], position, atol=1e-12)
        np.testing.assert_allclose(chain.pose(own)[1], rotation, atol=1e-12)


def test_joint_names_go_from_base_to_tip_and_name_a_mimics_source() -> None:
    assert RobotModel.from_urdf(ODD).chain("f").joint_names == ("leads", "slanted", "slide")
    assert inmoov("all").chain("r_forearm", root="torso").joint_names == (
        "r_shoulder_out_joint",
        "r_shoulder_lift_joint",
        "r_upper_arm_roll_joint",
        "r_elbow_flex_joint",
    )
    assert inmoov("all").chain("r_index1", root="r_hand").joint_names == ("r_index_joint",)


@pytest.mark.parametrize("model, tip", [(RobotModel.from_urdf(ODD), "f"), (inmoov("all"), "l_thumb3")])
def test_jacobian_is_the_derivative_of_the_pose(model: RobotModel, tip: str) -> None:
    chain = model.chain(tip)
    q = np.random.default_rng(5).uniform(-1, 1, len(chain.joint_names))
    jacobian = chain.jacobian(q)
    assert jacobian.shape == (6, len(q))
    h = 1e-6
    for column in range(len(q)):
        step = np.zeros(len(q))
        step[column] = h
        (ahead, turned), (behind, before) = chain.pose(q + step), chain.pose(q - step)
        spin = (turned @ before.T - before @ turned.T) / (4 * h)  # skew-symmetric: the angular velocity's matrix
        np.testing.assert_allclose(jacobian[:3, column], (ahead - behind) / (2 * h), atol=1e-8)
        np.testing.assert_allclose(jacobian[3:, column], [spin[2, 1], spin[0, 2], spin[1, 0]], atol=1e-8)


def test_a_step_moves_the_tip_as_asked() -> None:
    chain = inmoov().chain("r_palm")
    q = np.array([-0.3, -0.8, 0.2, -0.9, -1.0])
    wanted = np.array([0.004, -0.002, 0.003])
    moved = chain.position(q + chain.velocity_step(q, wanted, damping=1e-4)) - chain.position(q)
    np.testing.assert_allclose(moved, wanted, atol=1e-4)
    # Damping shortens the step, and never lengthens it.
    short = chain.velocity_step(q, wanted, damping=0.5)
    assert np.linalg.norm(short) < 0.5 * np.linalg.norm(chain.velocity_step(q, wanted, damping=1e-4))


def test_a_stretched_arm_gets_a_finite_step() -> None:
    planar = Chain(
        ("one", "two"),
        [
            Segment((rotation_rpy((0, 0, 0)), (0.0, 0.0, 0.0)), "turn", (0.0, 0.0, 1.0), 0),
            Segment((rotation_rpy((0, 0, 0)), (0.3, 0.0, 0.0)), "turn", (0.0, 0.0, 1.0), 1),
            Segment((rotation_rpy((0, 0, 0)), (0.3, 0.0, 0.0))),
        ],
    )
    # Stretched along x it can move along y only. Along y, J = (.6, .3) and the step is J' y / (|J|^2 + damping^2).
    np.testing.assert_allclose(planar.velocity_step([0, 0], [0.1, 0, 0], damping=0.1), [0, 0], atol=1e-15)
    np.testing.assert_allclose(planar.velocity_step([0, 0], [0, 0.1, 0], damping=0.1), np.array([0.06, 0.03]) / 0.46)


def test_inverse_reaches_every_reachable_target_from_rest() -> None:
    model = inmoov()
    chain, limits = model.chain("r_palm"), model.limits()
    rest = np.clip(0.0, limits.lower, limits.upper)
    rng = np.random.default_rng(11)
    for _ in range(200):
        target = chain.position(rng.uniform(limits.lower, limits.upper))
        q = chain.inverse(target, rest, limits.lower, limits.upper)
        assert np.linalg.norm(chain.position(q) - target) <= 1e-4
        assert np.all(q >= limits.lower)
        assert np.all(q <= limits.upper)


def test_inverse_of_a_target_out_of_reach_stretches_towards_it() -> None:
    model = inmoov()
    chain, limits = model.chain("r_palm"), model.limits()
    q = chain.inverse([2.0, -0.2, 1.5], np.clip(0.0, limits.lower, limits.upper), limits.lower, limits.upper)
    # Straight ahead of the lift joint at x = 0, with the elbow as straight as its limit allows: some .61 m.
    assert 0.55 < chain.position(q)[0] < 0.66
    assert q[model.joint_names.index("r_elbow_flex_joint")] == pytest.approx(-0.262, abs=0.02)


def test_position_repeats_bit_for_bit() -> None:
    chain, again = inmoov().chain("r_palm"), inmoov().chain("r_palm")
    for q in np.random.default_rng(2).uniform(-1, 1, (100, 5)):
        assert chain.position(q).tobytes() == again.position(list(q)).tobytes()


def test_position_is_quick_enough_for_every_control_step() -> None:
    chain = inmoov().chain("r_palm")
    q = np.zeros(5)
    best = math.inf
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(200):
            chain.position(q)
        best = min(best, (time.perf_counter() - start) / 200)
    assert best < 20e-6  # s; about 2e-6 measured, and 25e-6 with 3x3 numpy products


def test_rotations() -> None:
    quarter = np.array(rotation_about((0.0, 0.0, 1.0), math.pi / 2)).reshape(3, 3)
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-15)
    # Roll first, then pitch, then yaw, about fixed axes: the camera's optical frame looks along x, with y down.
    optical = np.array(rotation_rpy((-math.pi / 2, 0.0, -math.pi / 2))).reshape(3, 3)
    np.testing.assert_allclose(optical @ [0, 0, 1], [1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(optical @ [0, 1, 0], [0, 0, -1], atol=1e-15)


@pytest.mark.bad_input
def test_wrong_lengths_are_refused() -> None:
    chain = inmoov().chain("r_palm")
    with pytest.raises(ValueError, match=r"q must have shape \(5,\)"):
        chain.position(np.zeros(4))
    with pytest.raises(ValueError, match=r"q must have shape \(5,\)"):
        chain.position(0.0)
    with pytest.raises(ValueError, match=r"lower must have shape \(5,\), got \(4,\)"):
        chain.inverse(np.zeros(3), np.zeros(5), np.zeros(4), np.ones(5))
    with pytest.raises(ValueError, match="unknown segment kind 'spin'"):
        Segment((rotation_rpy((0, 0, 0)), (0.0, 0.0, 0.0)), "spin")


def test_a_descent_to_a_goal_out_of_reach_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    model = inmoov()
    chain, limits = model.chain("r_palm"), model.limits()
    steps: list[int] = []
    step = Chain._step_within
    monkeypatch.setattr(Chain, "_step_within", lambda *given: steps.append(1) or step(*given))
    q = chain.inverse([0.45, -0.28, 0.4], np.clip(0.0, limits.lower, limits.upper), limits.lower, limits.upper)
    assert np.linalg.norm(chain.position(q) - [0.45, -0.28, 0.4]) > 0.1
    assert len(steps) < 9 * 45  # of 9 * 101: the search and its 8 restarts
