"""The same seed in process and over topics gives identical observations, rewards and ends, bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from rollouts import assert_same, rollout

pytest.importorskip("rclpy")

from rl_trainer_ros.environments.make_env import make_robot_env

pytestmark = [pytest.mark.equality, pytest.mark.ros]


def test_ground_truth(simulator: Callable) -> None:
    simulator()
    in_process = rollout(make_robot_env(), 2500, seed=4)
    assert in_process.successes >= 5 and in_process.truncations >= 10 and in_process.contacts >= 50
    assert_same(in_process, rollout(make_robot_env(transport="topics"), 2500, seed=4))


@pytest.mark.usefixtures("one_torch_thread")  # as in the SRL node
def test_camera_and_srl_state(simulator: Callable, start: Callable, random_encoder: str) -> None:
    simulator(cameras="[external]")
    start("srl_ros.ros.srl_node", srl_folder=random_encoder).wait_for("encoding external images")
    in_process = rollout(make_robot_env(srl_folder=random_encoder), 2000, seed=5)
    assert in_process.successes >= 4 and in_process.truncations >= 8 and in_process.contacts >= 50
    over_topics = rollout(make_robot_env(transport="topics", srl_folder=random_encoder), 2000, seed=5)
    for rows in (in_process.rows, over_topics.rows):  # over topics a client that wants no images awaits none
        rows[:] = [row[:7] for row in rows]
    assert_same(in_process, over_topics)


def test_pixels(simulator: Callable) -> None:
    """The pixels of the camera, not only the states of an encoder."""
    from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot
    from robot_interface_ros.robot import Command, Episode
    from robot_interface_ros.robot_config import load_robot
    from robot_interface_ros.ros.transport.runtime import Runtime
    from robot_sim_ros.pybullet_robot import make_robot
    from robot_sim_ros.sim_config import SimConfig

    simulator(cameras="[external]", image_width=48, image_height=32)
    direct = make_robot(SimConfig(cameras=("external",), image_width=48, image_height=32))
    with Runtime() as runtime:
        remote = TopicRobot(runtime, load_robot("inmoov"), period_ns=direct.period_ns, cameras=("external",))
        observations = [robot.reset(Episode(1, (0.4, -0.3, 1.2))) for robot in (direct, remote)]
        different = set()
        for _ in range(100):
            images = [observation.images["external"] for observation in observations]
            assert images[0].shape == (32, 48, 3)
            np.testing.assert_array_equal(*images)
            different.add(images[0].tobytes())
            for robot, observation in zip((direct, remote), observations):
                robot.send(Command(observation.stamp, robot.joint_names, observation.joint_target - 0.02))
            observations = [robot.receive() for robot in (direct, remote)]
        assert len(different) > 20  # the arm was seen to move
        remote.close()


def test_an_episode_alone_equals_the_same_episode_after_others() -> None:
    """Episode k replayed by its seed and target equals episode k after k - 1 others."""
    environment = make_robot_env()
    generator = np.random.default_rng(0)
    recorded = []
    for episode in range(6):
        _, info = environment.reset(seed=None if episode else 9)
        actions = np.clip(generator.normal(0.0, 0.7, (80, 5)) + 0.4 * (episode % 2), -1.0, 1.0).astype(np.float32)
        recorded.append((info["target"], actions, [environment.step(action)[0].tobytes() for action in actions]))
    for target, actions, expected in recorded:
        alone = make_robot_env()
        alone.reset(seed=123, options={"target": target})
        assert [alone.step(action)[0].tobytes() for action in actions] == expected
        alone.close()
