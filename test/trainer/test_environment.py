"""The Gymnasium environment: checks of Gymnasium and stable-baselines3, its documented table, its errors."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as stable_baselines3_check

import rl_trainer_ros  # noqa: F401  registers the ids
from rl_trainer_ros.environments.make_env import make_robot_env
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError, RobotInterrupted

ID = "rl_trainer_ros/InMoovReach-v0"


# Both checks warn with UserWarning. Others may come from objects of earlier tests that are collected here.
@pytest.mark.filterwarnings("error::UserWarning")
def test_both_checks_pass_in_process() -> None:
    gymnasium_check(gymnasium.make(ID).unwrapped, skip_render_check=True)
    stable_baselines3_check(gymnasium.make(ID))


@pytest.mark.ros
def test_both_checks_pass_over_topics(simulator: Callable) -> None:
    pytest.importorskip("rclpy")
    simulator()
    environment = gymnasium.make(ID, transport="topics")
    stable_baselines3_check(environment)
    gymnasium_check(environment.unwrapped, skip_render_check=True)
    environment.close()


def test_the_observation_is_what_its_table_says() -> None:
    environment = make_robot_env()
    observation, info = environment.reset(seed=1)
    step_state = environment.step_state
    np.testing.assert_allclose(observation[:5], step_state.observation.position, rtol=1e-6)
    np.testing.assert_array_equal(observation[5:10], 0.0)
    way = np.array(info["target"]) - step_state.hand
    np.testing.assert_allclose(observation[10:13], way, rtol=1e-6)
    np.testing.assert_allclose(observation[13:], way / (np.linalg.norm(way) + 0.02), rtol=1e-6)
    assert environment.observation_space.contains(observation)
    for _ in range(40):
        observation, *_ = environment.step(np.array([0.0, -1.0, 0.0, 0.0, 0.0], dtype=np.float32))
    assert observation[6] == pytest.approx(-0.35, abs=0.01)


def test_an_action_moves_the_target_by_speed_times_period() -> None:
    environment = make_robot_env()
    environment.reset(seed=1)
    targets = [environment.step_state.observation.joint_target]
    for _ in range(6):
        environment.step(np.array([0.0, -1.0, 0.5, 0.0, 0.0], dtype=np.float32))
        targets.append(environment.step_state.observation.joint_target)
    np.testing.assert_allclose(np.diff(targets, axis=0)[-1], [0.0, -0.0175, 0.00875, 0.0, 0.0], atol=1e-12)


def test_a_cut_episode_is_truncated_and_named() -> None:
    environment = make_robot_env()
    before, _ = environment.reset(seed=1)

    class Cut:
        joint_names, period_ns = environment.robot.joint_names, environment.robot.period_ns
        reset, close = environment.robot.reset, environment.robot.close

        def send(self, command: object) -> None:
            pass

        def receive(self, timeout_s: float | None = None) -> None:
            raise RobotInterrupted("/env_0 was reset by another")

    intact, environment.robot = environment.robot, Cut()  # type: ignore[assignment]
    observation, reward, terminated, truncated, info = environment.step(np.zeros(5, dtype=np.float32))
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["interrupted"] == "/env_0 was reset by another" and info["is_success"] is False
    np.testing.assert_array_equal(observation, before)
    environment.robot = intact
    with pytest.raises(RuntimeError, match="call reset"):
        environment.step(np.zeros(5, dtype=np.float32))
    environment.reset()
    environment.step(np.zeros(5, dtype=np.float32))


@pytest.mark.bad_input
def test_unknown_names_and_bad_actions_are_named() -> None:
    with pytest.raises(ConfigError, match="unknown task 'reech' \\(did you mean reach\\?\\); known: reach"):
        make_robot_env("reech")
    with pytest.raises(ConfigError, match="unknown robot 'imoov' \\(did you mean inmoov\\?\\)"):
        make_robot_env(robot="imoov")
    with pytest.raises(ConfigError, match="unknown transport 'tcp'; known: in_process, topics"):
        make_robot_env(transport="tcp")
    with pytest.raises(ConfigError, match="task reach: .*'colour'"):
        make_robot_env(colour="red")
    with pytest.raises(ConfigError, match="simulation: unknown setting 'gravity'"):
        make_robot_env(simulation={"gravity": 0.0})
    environment = make_robot_env()
    with pytest.raises(ValueError, match="unknown reset option 'goal'; known: target"):
        environment.reset(options={"goal": (0, 0, 0)})
    environment.reset(seed=0)
    with pytest.raises(RobotError, match="action is .*nan.*Did training diverge"):
        environment.step(np.full(5, np.nan, dtype=np.float32))
    with pytest.raises(RobotError, match=r"action has shape \(4,\); expected \(5,\)"):
        environment.step(np.zeros(4, dtype=np.float32))
