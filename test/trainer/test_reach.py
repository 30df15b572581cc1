"""The task reach: it can be solved, and its numbers are right."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit

from rl_trainer_ros.arm.arm import Arm
from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.arm.workspace import BodyClearance, ReachWorkspace, half_extents, moved_links
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.tasks.reach import progress_reward
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.urdf.elements import Shape

pytestmark = pytest.mark.slow


def test_a_scripted_controller_reaches_every_target() -> None:
    """100 of 100 within the episode, with the action limits of a learner: the task is feasible."""
    environment = make_robot_env()
    limited, policy = TimeLimit(environment, environment.task.max_episode_steps), ScriptedReach(environment.arm, 0.05)
    reached, steps = 0, []
    for episode in range(100):
        limited.reset(seed=episode)
        ended, count = False, 0
        while not ended:
            action = policy.act(environment.step_state)
            assert np.abs(action).max() <= 1.0
            _, _, terminated, truncated, info = limited.step(action)
            ended, count = terminated or truncated, count + 1
        reached += info["is_success"]
        steps.append(count)
    assert reached == 100
    assert 20 < np.mean(steps) < 60  # neither trivial nor at the clock's edge


def test_rewards_by_hand() -> None:
    assert progress_reward(0.50, 0.45, False, scale=10.0, bonus=5.0) == pytest.approx(0.5)
    assert progress_reward(0.04, 0.05, False, scale=10.0, bonus=5.0) == pytest.approx(-0.1)
    assert progress_reward(0.05, 0.02, True, scale=10.0, bonus=5.0) == pytest.approx(5.3)


def test_the_episode_ends_at_success_or_by_the_clock() -> None:
    environment = gymnasium.make("rl_trainer_ros/InMoovReach-v0")
    _, info = environment.reset(seed=0)
    for k in range(120):
        _, reward, terminated, truncated, info = environment.step(np.zeros(5, dtype=np.float32))
        assert not terminated and truncated == (k == 119)
    here = environment.unwrapped.step_state.hand
    environment.reset(options={"target": tuple(here + np.array([0.0, 0.0, 0.029]))})
    _, reward, terminated, truncated, info = environment.step(np.zeros(5, dtype=np.float32))
    assert terminated and info["is_success"] and reward == pytest.approx(5.0, abs=0.05)
    environment.reset(options={"target": tuple(here + np.array([0.0, 0.0, 0.031]))})
    assert not environment.step(np.zeros(5, dtype=np.float32))[2]


def test_targets_are_reachable_spread_out_and_outside_of_the_body() -> None:
    description = load_robot("inmoov")
    arm = Arm(description)
    workspace, generator = ReachWorkspace(arm, travel_s=4.2), np.random.default_rng(0)
    targets = np.array([workspace.draw(generator) for _ in range(300)])
    body = BodyClearance(description.model, description.rest, moved_links(description.model, arm.names))
    assert body.distance(np.array([[0.0, 0.0, 1.45]])) == 0.0  # the middle of the torso
    assert min(body.distance(target[None]) for target in targets) >= 0.06
    assert (targets.max(axis=0) - targets.min(axis=0) > [0.6, 0.5, 0.6]).all()
    for target in targets:
        q = arm.chain.inverse(target, arm.rest, arm.lower, arm.upper)
        if np.linalg.norm(arm.chain.position(q) - target) > 1e-3:  # another start finds what one start misses
            q = arm.chain.inverse(target, (arm.lower + arm.upper) / 2, arm.lower, arm.upper)
        assert np.linalg.norm(arm.chain.position(q) - target) < 0.03


def test_clearance_by_hand() -> None:
    assert half_extents(Shape("box", (0.2, 0.4, 0.6))) == pytest.approx((0.1, 0.2, 0.3))
    assert half_extents(Shape("cylinder", (0.1, 0.6))) == pytest.approx((0.1, 0.1, 0.3))
    assert half_extents(Shape("capsule", (0.1, 0.6))) == pytest.approx((0.1, 0.1, 0.4))
    description = load_robot("inmoov")
    everything = set(description.model.links) - {"base"}
    body = BodyClearance(
        description.model, description.rest, moving=everything
    )  # the base: radius .26, 0 to .11 m high
    assert body.distance(np.array([[0.5, 0.0, 0.05]])) == pytest.approx(0.24, abs=0.01)
    assert body.distance(np.array([[0.0, 0.0, 0.05]])) == 0.0


def test_the_same_seed_draws_the_same_targets() -> None:
    first, second = make_robot_env(), make_robot_env()
    a = [first.reset(seed=5)[1]["target"], first.reset()[1]["target"]]
    b = [second.reset(seed=5)[1]["target"], second.reset()[1]["target"]]
    assert a == b and a[0] != a[1]
