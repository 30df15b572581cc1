"""Effect of imperfection on images; the images of an episode do not depend on other episodes, also over topics."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_interface_ros.cameras import standing_pose
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig

pytestmark = pytest.mark.slow

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


def about(axis: int, angle: float) -> np.ndarray:
    """Rotation about one axis."""
    turn, (i, j) = np.eye(3), [k for k in range(3) if k != axis]
    turn[i, i] = turn[j, j] = np.cos(angle)
    turn[j, i], turn[i, j] = np.sin(angle) * np.array([1.0, -1.0]) * (-1.0 if axis == 1 else 1.0)
    return turn


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], SafeRobot]:
    """Make a robot with a camera and the imperfections of a YAML text."""

    def make_imperfect(text: str) -> SafeRobot:
        path = tmp_path / "imperfection.yaml"
        path.write_text(text)
        return make_robot(SimConfig(cameras=("external",), imperfection=str(path)), start_ns=0)

    return make_imperfect


def picture(robot: SafeRobot, seed: int = 0) -> np.ndarray:
    return robot.reset(Episode(seed, TARGET)).images["external"].astype(int)


def red_centre(image: np.ndarray) -> np.ndarray:
    """Return row and column of the middle of the target."""
    red = (image[:, :, 0] > 100) & (image[:, :, 1] < 70)
    assert red.sum() >= 8
    return np.argwhere(red).mean(axis=0)


def test_a_dim_light_darkens_the_picture_and_a_turned_one_shades_it_otherwise(make: Callable[[str], SafeRobot]) -> None:
    plain = picture(make_robot(SimConfig(cameras=("external",))))
    drawn = (plain < 250).all(axis=2)  # the background has a light of its own
    dim = picture(make("light_intensity: 0.5"))
    np.testing.assert_allclose(dim[drawn], 0.5 * plain[drawn], atol=3)
    turned = picture(make("light_turn: 1.0"))
    assert (np.abs(turned - plain) > 5).sum() > 500
    np.testing.assert_allclose(red_centre(turned), red_centre(plain), atol=1.0)


def test_a_camera_that_is_not_where_it_should_be_sees_the_target_elsewhere(make: Callable[[str], SafeRobot]) -> None:
    """At the position computed by hand from the sampled shift and rotation: up to 10 of 64 pixels away."""
    camera = load_robot("inmoov").cameras["external"]
    (r0, d0, f0, r1, d1, f1, r2, d2, f2), eye = standing_pose(camera)
    proper = np.array([[r0, r1, r2], [-d0, -d1, -d2], [-f0, -f1, -f2]])  # right, up, back
    in_proper = proper @ (np.array(TARGET) - eye)
    focal = 32.0 / np.tan(np.radians(camera.fov_deg) / 2.0)
    robot, moved = make("camera_shift: [-0.1, 0.1]\ncamera_turn: [-0.1, 0.1]"), []
    for seed in range(6):
        observation = robot.reset(Episode(seed, TARGET))
        shift, (roll, pitch, yaw) = (
            np.array(observation.drawn[f"camera_{key}"]["external"]) for key in ("shift", "turn")
        )
        turn = about(2, yaw) @ about(1, pitch) @ about(0, roll)
        x, y, z = turn.T @ (in_proper - shift)
        expected = np.array([31.5 + focal * y / z, 31.5 - focal * x / z])
        centre = red_centre(observation.images["external"].astype(int))
        np.testing.assert_allclose(centre, expected, atol=1.2)
        moved.append(np.abs(expected - [31.5 + focal * in_proper[1] / in_proper[2], 31.5]).max())
    assert max(moved) > 5.0


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
    from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot
    from robot_interface_ros.ros.transport.runtime import Runtime

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
