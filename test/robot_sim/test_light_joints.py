"""Joints that carry next to nothing move by their servos' law, as full physics would move them, and are seen to move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros import pybullet_robot
from robot_sim_ros.light_joints import light_joints
from robot_sim_ros.pybullet_robot import PyBulletRobot, make_robot
from robot_sim_ros.sim_config import SimConfig

ALL = ("all",)
HANDS = ("right_hand", "left_hand")


def plant(robot: SafeRobot) -> PyBulletRobot:
    assert isinstance(robot.plant, PyBulletRobot)
    return robot.plant


def driven(robot: SafeRobot, steps: int) -> list[Observation]:
    """Drive all joints to random postures near rest, a new one every eight periods."""
    description, generator = load_robot("inmoov", ALL), np.random.default_rng(4)
    robot.reset(Episode(3))
    seen = []
    for step in range(steps):
        if step % 8 == 0:
            target = description.rest + generator.normal(0.0, 0.25, len(description.rest))
            target = np.clip(target, description.limits.lower, description.limits.upper)
        robot.send(Command(0, robot.joint_names, target))
        seen.append(robot.receive())
    return seen


def full_physics(monkeypatch: pytest.MonkeyPatch, config: SimConfig) -> SafeRobot:
    with monkeypatch.context() as patch:
        patch.setattr(pybullet_robot, "light_joints", lambda *_: frozenset())
        return make_robot(config, start_ns=0)


def test_fingers_and_eyes_are_light() -> None:
    description = load_robot("inmoov", ALL)
    fingers = {joint for hand in HANDS for joint in description.config.groups[hand]}
    assert light_joints(description, 240.0) == fingers | {"l_eye_pan_joint"}


@pytest.mark.parametrize("robot, groups", [("inmoov", ()), ("inmoov", ("right_arm", "left_arm")), ("kuka_iiwa", ())])
def test_a_robot_with_few_joints_has_no_light_joints(robot: str, groups: tuple[str, ...]) -> None:
    assert not light_joints(load_robot(robot, groups), 240.0)


def test_what_carries_the_end_effector_is_not_light(tmp_path: Path) -> None:
    """Nor is a joint with a weak servo, or one that a heavy joint's follower needs."""
    path = Path("config/robots/inmoov.yaml")
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    fingertip = load_robot("inmoov", ALL).model.joints["r_index3_joint"].child
    values |= {"end_effector": fingertip, "max_effort": {"l_ring4_joint": 0.001}}
    (tmp_path / "tip.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    light = light_joints(load_robot(str(tmp_path / "tip.yaml"), ALL), 240.0)
    assert "r_index_joint" not in light and "l_ring_joint" not in light
    assert {"r_thumb_joint", "l_index_joint"} <= light


@pytest.mark.parametrize(
    "world, contact, light", [("reach", False, True), ("button", False, False), ("reach", True, False)]
)
def test_fingers_that_may_touch_something_are_in_physics(world: str, contact: bool, light: bool) -> None:
    robot = plant(make_robot(SimConfig(groups=ALL, world=world, contact=contact), start_ns=0))
    assert ("r_index_joint" not in robot.body.index) == light
    assert len(robot.receive().position) == 28
    robot.close()


def test_the_whole_body_moves_as_in_full_physics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full physics with so many iterations that they converge; with PyBullet's 50, fingers are off by 0.05 rad."""
    config = SimConfig(groups=ALL)
    full = full_physics(monkeypatch, config)
    plant(full)._client.setPhysicsEngineParameter(numSolverIterations=500, solverResidualThreshold=0)
    for exact, found in zip(driven(full, 17), driven(make_robot(config, start_ns=0), 17)):
        np.testing.assert_allclose(found.position, exact.position, atol=1e-3)
        np.testing.assert_allclose(found.velocity, exact.velocity, atol=0.05)


@pytest.mark.equality
def test_an_episode_of_the_whole_body_does_not_depend_on_what_came_before() -> None:
    robot = make_robot(SimConfig(groups=ALL), start_ns=0)
    first, second = driven(robot, 20), driven(robot, 20)
    for a, b in zip(first, second):
        for name in ("position", "velocity", "effort", "joint_target"):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
        assert (a.effort[[robot.joint_names.index("r_index_joint")]] == 0.0).all()


def test_cameras_see_light_links_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimConfig(groups=ALL, cameras=("external",), image_width=160, image_height=120)
    description = load_robot("inmoov", ALL)
    target = description.rest.copy()
    for joint in (*description.config.groups["right_hand"], "l_eye_pan_joint"):
        index = description.joint_names.index(joint)
        target[index] = (
            0.4 * description.limits.upper[index]
        )  # further, and fingers would stop at the thumb in full physics
    images = []
    for robot in (make_robot(config, start_ns=0), full_physics(monkeypatch, config)):
        rest = robot.reset(Episode(1)).images["external"].astype(int)
        for _ in range(24):
            robot.send(Command(0, robot.joint_names, target))
        images.append((rest, robot.receive().images["external"].astype(int)))
        robot.close()
    (light_rest, light_bent), (full_rest, full_bent) = images
    np.testing.assert_array_equal(light_rest, full_rest)
    assert (np.abs(light_bent - light_rest).max(axis=2) > 40).sum() > 10  # the fingers have moved
    assert (np.abs(light_bent - full_bent).max(axis=2) > 40).sum() <= 4
