"""Observations: their documented tables, goals that can be replaced, and stacked frames."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack

import rl_trainer_ros  # noqa: F401  registers the ids
from rl_trainer_ros.environments.frame_stack import limited, stacked
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.training.normalisation import Normalisation, Statistics
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

REST = np.zeros(5, dtype=np.float32)


def test_absolute_places_and_joints_alone() -> None:
    environment = make_robot_env(observation_settings={"relative": False})
    observation, info = environment.reset(seed=1)
    np.testing.assert_allclose(observation[10:13], environment.step_state.hand, rtol=1e-6)
    np.testing.assert_allclose(observation[13:], info["target"], rtol=1e-6)
    for name, parts in (("joints", 2), ("joints_position", 1)):
        alone = make_robot_env(observation=name)
        seen, _ = alone.reset(seed=1)
        assert seen.shape == (5 * parts,) and seen.tobytes() == observation[: 5 * parts].tobytes()
        assert alone.observation_space.contains(seen)


def test_two_cameras_are_six_channels() -> None:
    settings = {"cameras": ["external", "left_eye"], "image_width": 48, "image_height": 40}
    environment = make_robot_env(observation="raw_pixels", observation_settings=settings)
    observation, _ = environment.reset(seed=1)
    assert observation.shape == (40, 48, 6) and observation.dtype == np.uint8
    assert environment.observation_space.contains(observation)
    images = environment.step_state.observation.images
    np.testing.assert_array_equal(observation[:, :, :3], images["external"])
    np.testing.assert_array_equal(observation[:, :, 3:], images["left_eye"])
    assert np.ptp(observation[:, :, :3]) > 50 and np.ptp(observation[:, :, 3:]) > 50  # both see something


def test_rewards_of_exchanged_goals_are_the_tasks_own() -> None:
    for reward in ("sparse", "distance"):
        environment = make_robot_env(goal_conditioned=True, reward=reward, end_at_success=False)
        observation, _ = environment.reset(seed=1)
        assert set(observation) == {"observation", "achieved_goal", "desired_goal"}
        achieved, desired, rewards = [], [], []
        for _ in range(20):
            observation, value, *_ = environment.step(environment.action_space.sample())
            achieved.append(observation["achieved_goal"]), desired.append(observation["desired_goal"])
            rewards.append(value)
        found = environment.compute_reward(np.array(achieved), np.array(desired), [{}] * 20)  # type: ignore[attr-defined]
        np.testing.assert_allclose(found, rewards, atol=1e-6)
        reached = environment.compute_reward(np.array(achieved), np.array(achieved), [{}] * 20)  # type: ignore[attr-defined]
        np.testing.assert_array_equal(reached, 0.0)


@pytest.mark.parametrize("observation", ["ground_truth", "raw_pixels"])
def test_frames_stand_side_by_side_as_in_stable_baselines3(observation: str) -> None:
    """Except for the start: here the first frame is repeated, there zeros come before it."""
    ours = stacked(make_robot_env(observation=observation), 3)
    theirs = VecFrameStack(DummyVecEnv([lambda: make_robot_env(observation=observation)]), 3)
    theirs.seed(4)
    first, _ = ours.reset(seed=4)
    theirs.reset()
    assert ours.observation_space.contains(first)
    assert ours.observation_space.shape == theirs.observation_space.shape
    frame = first.shape[-1] // 3
    np.testing.assert_array_equal(first[..., :frame], first[..., -frame:])
    action = np.array([0.0, -1.0, 0.0, 0.0, 0.0], np.float32)
    for k in range(4):
        mine, (their, *_) = ours.step(action)[0], theirs.step(action[None])
        if k >= 2:
            assert mine.tobytes() == their[0].tobytes()


def test_frames_are_an_option_of_every_way_to_an_environment() -> None:
    made = gymnasium.make("rl_trainer_ros/InMoovReach-v0", frame_stack=4)
    assert made.observation_space.shape == (64,) and made.reset(seed=0)[0].shape == (64,)
    environment = limited(make_robot_env(frame_stack=4, max_episode_steps=3))
    environment.reset(seed=0)
    assert [environment.step(REST)[3] for _ in range(3)] == [False, False, True]


def test_pixels_are_not_normalised_and_every_part_of_a_dictionary_is() -> None:
    statistics = Statistics(np.array([1.0]), np.array([4.0]))
    assert Normalisation({"": statistics}, 0.0).apply(np.array([5.0])).tolist() == [2.0]
    both = Normalisation({"a": statistics}, 0.0).apply({"a": np.array([-99.0]), "b": np.array([7.0])})
    assert both["a"].tolist() == [-10.0] and both["b"].tolist() == [7.0]  # clipped; nothing is known of b
    image = np.zeros((4, 4, 3), np.uint8)
    assert Normalisation({}, 0.0).apply(image) is image


@pytest.mark.bad_input
def test_observations_that_do_not_go_together_are_named() -> None:
    for settings, message in (
        (
            {"observation": "pixels"},
            "unknown observation 'pixels'.*; known: ground_truth, joints, joints_position, raw_pixels",
        ),
        ({"observation": "srl_state"}, "select one with srl_model"),
        ({"goal_conditioned": True}, "reward shaped depends on more than goal and hand"),
        ({"task": "button", "goal_conditioned": True}, "depends on more than goal and hand"),
        (
            {"goal_conditioned": True, "observation": "ground_truth", "reward": "sparse"},
            "use joints or joints_position",
        ),
        (
            {"goal_conditioned": True, "reward": "sparse", "frame_stack": 2},
            "frame_stack does not work with goal_conditioned",
        ),
        ({"observation": "raw_pixels", "observation_settings": {"cameras": []}}, "name at least one"),
        ({"observation": "raw_pixels", "observation_settings": {"cameras": ["top"]}}, "unknown camera 'top'"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_robot_env(**settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="task_settings is '3'; expected a mapping of settings"):
        TrainerConfig(task_settings="3")
    with pytest.raises(
        ConfigError, match="srl_model autoencoder needs observation srl_state, but observation is joints"
    ):
        TrainerConfig(srl_model="autoencoder", observation="joints")
