"""The same seed in process and over topics gives identical observations, rewards and ends, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

pytest.importorskip("rclpy")
from gymnasium.wrappers import TimeLimit

from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import make_robot_env

pytestmark = [pytest.mark.equality, pytest.mark.ros]
INTO_THE_TORSO = np.array([-0.13, -0.11, 1.51, -0.74, -0.05])
MAX_STEPS = 60  # short episodes: with 120 steps scripted ones would never be truncated


@dataclass
class Trace:
    """Return all data of a learner as bytes, and counts of the events in them."""

    rows: list[tuple] = field(default_factory=list)  # type: ignore[type-arg]
    successes: int = 0
    truncations: int = 0
    contacts: int = 0


def contacts_of(robot: object) -> Callable[[], list]:  # type: ignore[type-arg]
    """Return the contacts of the simulated robot, inside of its wrappers; none over topics."""
    while robot is not None and not hasattr(robot, "contacts"):
        robot = getattr(robot, "_robot", None)
    return getattr(robot, "contacts", list)


def rollout(environment: RobotEnv, steps: int, seed: int) -> Trace:
    """Episodes alternate: scripted, random, and pushing into the torso, with the environment's targets."""
    limited, scripted = TimeLimit(environment, MAX_STEPS), ScriptedReach(environment.arm, 0.05)
    generator, trace, episode = np.random.default_rng(seed), Trace(), -1
    contacts = contacts_of(environment.robot)
    ended = True
    for _ in range(steps):
        if ended:
            episode += 1
            observation, info = limited.reset(seed=seed if episode == 0 else None)
            trace.rows.append((observation.tobytes(), info["target"], info["elapsed_ns"]))
        step_state = environment.step_state
        if episode % 3 == 0:
            action = scripted.act(step_state)
        elif episode % 3 == 1:
            action = generator.uniform(-1.0, 1.0, 5).astype(np.float32)
        else:
            way = (INTO_THE_TORSO - step_state.observation.joint_target) / (environment.arm.velocity * 0.05)
            action = np.clip(way + generator.normal(0.0, 0.3, 5), -1.0, 1.0).astype(np.float32)
        observation, reward, terminated, truncated, info = limited.step(action)
        ended = terminated or truncated
        trace.rows.append(
            (
                observation.tobytes(),
                np.float64(reward).tobytes(),
                terminated,
                truncated,
                info["elapsed_ns"],
                environment.step_state.observation.effort.tobytes(),
                environment.step_state.observation.joint_target.tobytes(),
                tuple(image.tobytes() for image in environment.step_state.observation.images.values()),
            )
        )
        trace.successes += info["is_success"]
        trace.truncations += truncated
        trace.contacts += bool(contacts())
    environment.close()
    return trace


def assert_same(first: Trace, second: Trace) -> None:
    assert len(first.rows) == len(second.rows)
    differing = [k for k, (a, b) in enumerate(zip(first.rows, second.rows)) if a != b]
    assert not differing, f"{len(differing)} of {len(first.rows)} rows differ, the first at {differing[0]}"


def test_ground_truth(simulator: Callable) -> None:
    simulator()
    in_process = rollout(make_robot_env(), 2500, seed=4)
    assert in_process.successes >= 5 and in_process.truncations >= 10 and in_process.contacts >= 50
    assert_same(in_process, rollout(make_robot_env(transport="topics"), 2500, seed=4))


def test_camera_and_srl_state(simulator: Callable, start: Callable, random_encoder: str) -> None:
    simulator(cameras="[external]")
    start("srl_ros.ros.srl_node", srl_folder=random_encoder).wait_for("encoding external images")
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the SRL node: sums of other thread counts may round otherwise
    try:
        in_process = rollout(make_robot_env(srl_folder=random_encoder), 2000, seed=5)
    finally:
        torch.set_num_threads(threads)
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
