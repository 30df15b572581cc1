"""Another robot by one argument: KUKA's iiwa, whose description comes with PyBullet."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit

from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.environments.make_env import make_robot_env
from robot_interface_ros.robot_config import load_robot

pytestmark = pytest.mark.slow


def test_a_scripted_controller_reaches_nearly_every_target_of_the_kuka() -> None:
    environment = make_robot_env(robot="kuka_iiwa")
    limited, policy = TimeLimit(environment, environment.task.max_episode_steps), ScriptedReach(environment.arm, 0.05)
    reached, targets = 0, []
    for episode in range(100):
        targets.append(limited.reset(seed=episode)[1]["target"])
        ended = False
        while not ended:
            _, _, terminated, truncated, info = limited.step(policy.act(environment.step_state))
            ended = terminated or truncated
        reached += info["is_success"]
    assert reached >= 95
    spread = np.ptp(np.array(targets), axis=0)
    assert min(targets, key=lambda target: target[2])[2] > 0.05  # above the ground that it is bolted to
    assert (spread > [1.0, 1.0, 0.8]).all()


def test_the_kuka_starts_in_front_of_itself_with_half_its_real_speeds() -> None:
    description = load_robot("kuka_iiwa")
    poses = description.model.link_poses(description.rest)
    position, rotation = poses["lbr_iiwa_link_7"]
    np.testing.assert_allclose(position, [0.58, 0.0, 0.52], atol=0.01)
    np.testing.assert_allclose(rotation[:, 2], [0, 0, -1], atol=0.01)  # the flange faces down
    assert description.limits.velocity.max() < np.deg2rad(136) / 2


def test_the_arena_and_the_space_above_the_table_are_within_reach() -> None:
    description = load_robot("kuka_iiwa")
    config, chain = description.config, description.model.chain("lbr_iiwa_link_7")
    assert config.arena is not None and config.table is not None
    x, y, z = config.arena.centre
    edge = config.arena.half_width
    corners = [(x + sx * edge, y + sy * edge, z) for sx in (-1, 1) for sy in (-1, 1)]
    for goal in [*corners, config.table]:
        q = chain.inverse(goal, description.rest, description.limits.lower, description.limits.upper)
        assert np.linalg.norm(chain.position(q) - goal) < 0.001


def test_gymnasium_knows_the_kuka() -> None:
    environment = gymnasium.make("rl_trainer_ros/KukaIiwaReach-v0")
    observation, _ = environment.reset(seed=0)
    assert observation.shape == (7 + 7 + 3 + 3,)
    assert environment.action_space.shape == (7,)
    environment.close()
