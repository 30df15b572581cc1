"""The simulated robot: servos hold and follow, and episodes do not depend on earlier ones."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from driving import drive

from robot_interface_ros.robot import Episode
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.pybullet_robot import PyBulletRobot, make_robot
from robot_sim_ros.sim_config import SimConfig

INTO_THE_TORSO = np.array([-0.13, -0.11, 1.51, -0.74, -0.05])


@pytest.fixture
def robot() -> SafeRobot:
    return make_robot(SimConfig())


def test_it_holds_any_pose_under_gravity(robot: SafeRobot) -> None:
    """Within .02 rad, also with the arm stretched forward, which needs the real effort of the servos."""
    limits = load_robot("inmoov").limits
    stretched = np.array([-0.3, -1.5708, 0.0, -0.262, -1.5])
    generator = np.random.default_rng(0)
    clear_of_the_body = np.array([-0.3, -1.8, -1.5, -1.3, -3.0]), np.array([-1.0, 0.5, 0.0, -0.3, 0.0])
    for pose in [stretched, *(generator.uniform(*np.sort(clear_of_the_body, axis=0)) for _ in range(4))]:
        observation = drive(robot, robot.reset(Episode()), pose, 200)
        np.testing.assert_allclose(observation.position, pose, atol=0.02)
        assert np.abs(observation.velocity).max() < 0.01
        assert (np.abs(observation.effort) <= limits.effort).all()
    observation = drive(robot, robot.reset(Episode()), stretched, 200)
    assert 3.0 < abs(observation.effort[1]) < 9.0  # about 6 N·m at the shoulder with the arm horizontal


def test_servos_follow_at_the_real_speed(robot: SafeRobot) -> None:
    observation = robot.reset(Episode())
    start = observation.position[1]
    observation = drive(robot, observation, load_robot("inmoov").limits.lower, 80)
    assert observation.velocity[1] == pytest.approx(-0.35, abs=0.01)
    assert start - observation.position[1] == pytest.approx(0.35 * 4.0, rel=0.05)


def test_a_reset_is_at_rest_and_two_periods_later(robot: SafeRobot) -> None:
    before = drive(robot, robot.reset(Episode()), np.full(5, -1.0), 30)
    observation = robot.reset(Episode(1, (0.3, -0.2, 1.2)))
    assert observation.stamp == before.stamp + 2 * robot.period_ns
    np.testing.assert_array_equal(observation.position, load_robot("inmoov").rest)
    np.testing.assert_array_equal(observation.effort, 0.0)  # PyBullet still has the last episode's
    np.testing.assert_array_equal(observation.target_position, [0.3, -0.2, 1.2])


@pytest.mark.equality
def test_an_episode_with_contacts_does_not_depend_on_what_came_before() -> None:
    config = SimConfig()
    description = load_robot("inmoov")
    inner = PyBulletRobot(description, config, start_ns=0)
    robot = SafeRobot(inner, description)

    def episode(seed: int) -> tuple[str, int]:
        generator = np.random.default_rng(seed)
        observation, digest, touched = robot.reset(Episode(seed)), hashlib.sha256(), 0
        for _ in range(150):
            target = INTO_THE_TORSO if seed % 2 else observation.joint_target
            observation = drive(robot, observation, target + generator.normal(0.0, 0.02, 5), 1)
            digest.update(
                observation.position.tobytes() + observation.velocity.tobytes() + observation.effort.tobytes()
            )
            touched += bool(inner.contacts())
        return digest.hexdigest(), touched

    first = {seed: episode(seed) for seed in range(4)}
    assert first[1][1] > 50 and first[3][1] > 50 and first[0][1] == 0
    order = np.random.default_rng(1).integers(4, size=30)
    assert [episode(int(seed)) for seed in order] == [first[seed] for seed in order]


def test_links_are_where_the_kinematics_say() -> None:
    """The position of the simulated hand equals the one that the trainer computes."""
    description = load_robot("inmoov")
    inner = PyBulletRobot(description, SimConfig(), start_ns=0)
    robot = SafeRobot(inner, description)
    observation = drive(robot, robot.reset(Episode()), np.array([-0.5, -1.0, 0.3, -1.0, -1.0]), 100)
    client, body = inner._client, inner.body.id
    names = [client.getJointInfo(body, i)[12].decode() for i in range(client.getNumJoints(body))]
    hand = client.getLinkState(body, names.index("r_hand"), computeForwardKinematics=True)[4]
    np.testing.assert_allclose(hand, description.model.chain("r_hand").position(observation.position[:5]), atol=1e-6)


def test_the_camera_sees_the_target_where_it_is() -> None:
    """The red pixels move to the left when the target moves to the robot's left, and up when it moves up."""
    robot = make_robot(SimConfig(cameras=("external",)))

    def red_centre(target: tuple[float, float, float]) -> np.ndarray:
        image = robot.reset(Episode(0, target)).images["external"].astype(int)
        assert image.shape == (64, 64, 3)
        red = (image[:, :, 0] > 100) & (image[:, :, 1] < 70)
        assert red.sum() >= 8
        return np.argwhere(red).mean(axis=0)

    middle, up, forward = red_centre((0.45, -0.3, 1.2)), red_centre((0.45, -0.3, 1.35)), red_centre((0.45, -0.5, 1.2))
    assert up[0] < middle[0] - 3 and abs(up[1] - middle[1]) < 3
    assert forward[1] < middle[1] - 3


def test_mimic_joints_move_with_what_they_follow() -> None:
    import dataclasses

    from robot_interface_ros.robot_config import RobotConfig, describe

    config = load_robot("inmoov").config
    assert isinstance(config, RobotConfig)
    description = describe("inmoov", dataclasses.replace(config), ("right_hand",))
    robot = SafeRobot(PyBulletRobot(description, SimConfig(), start_ns=0), description)
    drive(robot, robot.reset(Episode()), np.full(len(description.joint_names), 0.8), 60)
    client, body = robot._robot._client, robot._robot.body.id  # type: ignore[attr-defined]
    angle = {
        client.getJointInfo(body, i)[1].decode(): client.getJointState(body, i)[0]
        for i in range(client.getNumJoints(body))
    }
    assert angle["r_index_joint"] == pytest.approx(0.8, abs=0.02)
    assert angle["r_index1_joint"] == pytest.approx(0.8, abs=0.03)
    assert angle["r_index3_joint"] == pytest.approx(0.8, abs=0.03)


def test_closing_twice_is_harmless(robot: SafeRobot) -> None:
    robot.close()
    robot.close()
