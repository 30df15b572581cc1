"""What imperfection does to pictures, and that every episode's pictures stand for themselves, over topics too."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safe_robot import SafeRobot
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig

TARGET = (0.45, -0.3, 1.2)
EVERYTHING = """
image_delay: [0, 2]
image_drop: [0.0, 0.3]
camera_shift: [-0.05, 0.05]
camera_turn: [-0.05, 0.05]
light_turn: [-0.8, 0.8]
light_intensity: [0.5, 1.3]
colour_scale: [0.5, 1.3]
joint_offset: [-0.05, 0.05]
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], SafeRobot]:
    """A robot with a camera that is as imperfect as a text says."""

    def make_imperfect(text: str) -> SafeRobot:
        path = tmp_path / "imperfection.yaml"
        path.write_text(text)
        return make_robot(SimConfig(cameras=("external",), imperfection=str(path)), start_ns=0)

    return make_imperfect


def picture(robot: SafeRobot, seed: int = 0) -> np.ndarray:
    return robot.reset(Episode(seed, TARGET)).images["external"].astype(int)


def red_centre(image: np.ndarray) -> np.ndarray:
    """Row and column of the middle of the target."""
    red = (image[:, :, 0] > 100) & (image[:, :, 1] < 70)
    assert red.sum() >= 8
    return np.argwhere(red).mean(axis=0)


def test_a_dim_light_darkens_the_picture_and_a_turned_one_shades_it_otherwise(make: Callable[[str], SafeRobot]) -> None:
    plain = picture(make_robot(SimConfig(cameras=("external",))))
    assert 0.4 < picture(make("light_intensity: 0.5")).sum() / plain.sum() < 0.95
    turned = picture(make("light_turn: 1.0"))
    assert (np.abs(turned - plain) > 5).sum() > 500
    np.testing.assert_allclose(red_centre(turned), red_centre(plain), atol=1.0)


def test_a_camera_that_is_turned_sees_the_target_elsewhere(make: Callable[[str], SafeRobot]) -> None:
    """By .1 rad about its right axis (up) and its up axis (left), as the pinhole model says; a little in depth roll too."""
    plain = red_centre(picture(make_robot(SimConfig(cameras=("external",)))))
    turned = red_centre(picture(make("camera_turn: 0.1")))
    focal = 32.0 / np.tan(np.radians(22.0))  # 64 pixels high, 44 degrees
    np.testing.assert_allclose(turned - plain, [focal * 0.1, focal * 0.1], atol=2.0)


def test_colours_are_scaled_each_episode_anew_and_come_back(make: Callable[[str], SafeRobot]) -> None:
    plain = picture(make_robot(SimConfig(cameras=("external",))))
    robot = make("colour_scale: [0.3, 1.0]")
    first, other = picture(robot, 1), picture(robot, 2)
    assert first.sum() < plain.sum() and (first != other).any()
    np.testing.assert_array_equal(picture(robot, 1), first)
    row, column = np.round(red_centre(plain)).astype(int)
    scale = robot.reset(Episode(1, TARGET)).drawn["colour_scale"]["target"]
    assert first[row, column, 0] == pytest.approx(plain[row, column, 0] * scale[0], abs=3)


@pytest.mark.equality
def test_pictures_do_not_depend_on_what_came_before(make: Callable[[str], SafeRobot]) -> None:
    robot = make(EVERYTHING)

    def episode(seed: int, robot: SafeRobot = robot) -> str:
        observation, digest = robot.reset(Episode(seed, TARGET)), hashlib.sha256()
        for _ in range(15):
            robot.send(Command(observation.stamp, robot.joint_names, observation.joint_target - 0.03))
            observation = robot.receive()
            digest.update(observation.images["external"].tobytes())
        return digest.hexdigest()

    first = [episode(seed) for seed in range(3)]
    assert len(set(first)) == 3
    assert [episode(seed) for seed in (2, 0, 1)] == [first[2], first[0], first[1]]
    assert episode(1, make(EVERYTHING)) == first[1]


@pytest.mark.equality
@pytest.mark.ros
def test_pictures_are_the_same_over_topics(simulator: Callable, tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    from rl_trainer_ros.ros.topic_robot import TopicRobot
    from robot_interface_ros.ros.runtime import Runtime

    path = tmp_path / "everything.yaml"
    path.write_text(EVERYTHING)
    simulator(cameras="[external]", imperfection=f'"{path}"')
    direct = make_robot(SimConfig(cameras=("external",), imperfection=str(path)))
    with Runtime() as runtime:
        remote = TopicRobot(runtime, load_robot("inmoov"), period_ns=direct.period_ns, cameras=("external",))
        for seed in (5, 6):
            observations = [robot.reset(Episode(seed, TARGET)) for robot in (direct, remote)]
            assert observations[0].drawn == observations[1].drawn and observations[0].drawn
            for _ in range(30):
                np.testing.assert_array_equal(*(observation.images["external"] for observation in observations))
                for robot, observation in zip((direct, remote), observations):
                    robot.send(Command(observation.stamp, robot.joint_names, observation.joint_target - 0.03))
                observations = [robot.receive() for robot in (direct, remote)]
        remote.close()
