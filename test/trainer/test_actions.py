"""Actions: no motion exceeds the limits, and the hand moves to its target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from rl_trainer_ros.actions import ACTIONS
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import make_robot_env
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError

STEP_M = 0.15 * 0.05


def bent(environment: RobotEnv) -> None:
    """Raise the arm so that the hand can move in all directions."""
    environment.reset(seed=0, options={"target": (0.3, -0.3, 1.2)})


def extremes(space: Any, generator: np.random.Generator) -> Any:
    """Return random actions, a third of them in a corner of the space or far outside of it."""
    if isinstance(space, spaces.Discrete):
        return int(generator.integers(space.n))
    kind = generator.integers(3)
    values = generator.uniform(-1.0, 1.0, space.shape)
    return (values if kind == 0 else np.sign(values) if kind == 1 else 1e6 * values).astype(np.float32)


@pytest.mark.parametrize("robot", ["inmoov", "kuka_iiwa"])
@pytest.mark.parametrize("action", list(ACTIONS.ours))
def test_no_action_leaves_the_limits(action: str, robot: str) -> None:
    environment = make_robot_env(robot=robot, action=action, max_episode_steps=200)
    generator = np.random.default_rng(1)
    limits = environment.arm.description.limits
    for _ in range(3):
        environment.reset(seed=1)
        before, held = environment.step_state.observation.joint_target, None
        for k in range(150):
            held = extremes(environment.action_space, generator) if k % 7 == 0 or held is None else held
            environment.step(held)
            target = environment.step_state.observation.joint_target
            assert (target >= limits.lower).all() and (target <= limits.upper).all()
            assert (np.abs(target - before) <= limits.velocity * 0.05 * (1 + 1e-9)).all()
            before = target
    environment.close()


@pytest.mark.parametrize("robot", ["inmoov", "kuka_iiwa"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_hand_goes_where_it_is_sent(robot: str, axis: int, sign: float) -> None:
    """From the middle of the arena 5 cm along each axis, at two thirds of the speed."""
    environment = make_robot_env("simple", robot, action="end_effector")
    environment.reset(seed=0)
    start = environment.step_state.hand
    action = np.zeros(3, np.float32)
    action[axis] = sign * 2 / 3
    for _ in range(10):
        environment.step(action)
    for _ in range(4):  # it comes to rest
        environment.step(np.zeros(3, np.float32))
    moved, expected = environment.step_state.hand - start, np.zeros(3)
    expected[axis] = sign * 10 * STEP_M * 2 / 3
    assert np.linalg.norm(moved - expected) < 0.012
    environment.close()


def test_a_discrete_move_is_the_continuous_one_along_an_axis() -> None:
    for name, base in (("joint_discrete", "joint_velocity"), ("end_effector_discrete", "end_effector")):
        discrete, continuous = make_robot_env(action=name), make_robot_env(action=base)
        n = continuous.action_space.shape[0]
        assert discrete.action_space.n == 2 * n
        for number in range(2 * n):
            bent(discrete), bent(continuous)
            action = np.zeros(n, np.float32)
            action[number // 2] = 1.0 if number % 2 == 0 else -1.0
            for _ in range(5):
                assert discrete.step(number)[0].tobytes() == continuous.step(action)[0].tobytes()


def test_in_the_plane_the_hand_keeps_its_height_and_stops_at_the_wall() -> None:
    environment = make_robot_env("circular")
    arena = environment.arm.arena
    for action in ([1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]):
        environment.reset(seed=0)
        bumped = False
        for _ in range(80):
            *_, info = environment.step(np.array(action, np.float32))
            bumped |= info["bump"]
            away = environment.step_state.hand - arena.centre
            assert abs(away[2]) < 0.012 and np.abs(away[:2]).max() < arena.half_width * 1.05 + 0.008
        assert bumped  # the wall can be felt
    outside = make_robot_env(action="plane")  # from rest, below and beside the arena
    outside.reset(seed=0)
    for _ in range(150):
        outside.step(np.zeros(2, np.float32))
    assert np.linalg.norm((outside.step_state.hand - arena.centre)[2]) < 0.01


def test_force_down_takes_the_way_up_away() -> None:
    for action, up in (("end_effector", np.array([0.0, 0.0, 1.0], np.float32)), ("end_effector_discrete", 4)):
        environment = make_robot_env("simple", action=action, action_settings={"force_down": True})
        environment.reset(seed=0)
        height = environment.step_state.hand[2]
        for _ in range(8):
            environment.step(up)
        assert environment.step_state.hand[2] < height - 0.03


def test_joint_position_is_from_limit_to_limit() -> None:
    environment = make_robot_env(action="joint_position")
    environment.reset(seed=0)
    for _ in range(200):
        environment.step(np.array([0.0, 0.0, 0.5, -1.0, 0.0], np.float32))
    limits, target = environment.arm.description.limits, environment.step_state.observation.joint_target
    middle, half = (limits.lower + limits.upper) / 2, (limits.upper - limits.lower) / 2
    np.testing.assert_allclose(target, middle + half * [0.0, 0.0, 0.5, -1.0, 0.0], atol=1e-9)


def test_all_joints_move_and_targets_stay_those_of_the_arm() -> None:
    alone, whole = make_robot_env(), make_robot_env(joint_group="all")
    assert whole.action_space.shape == (28,) and whole.observation_space.shape == (2 * 28 + 6,)
    assert alone.reset(seed=3)[1]["target"] == pytest.approx(whole.reset(seed=3)[1]["target"])
    before = whole.step_state.observation.joint_target
    whole.step(np.ones(28, np.float32))
    assert (whole.step_state.observation.joint_target != before).sum() > 20
    with pytest.raises(ConfigError, match="no movable joint moves its end effector r_palm"):
        make_robot_env(joint_group="left_arm")


def test_repeats_add_rewards_up_and_noise_follows_the_seed() -> None:
    once, thrice = make_robot_env(), make_robot_env(action_repeat=3)
    once.reset(seed=0), thrice.reset(seed=0)
    action = np.full(5, 0.5, np.float32)
    single = [once.step(action) for _ in range(3)]
    observation, reward, *_, info = thrice.step(action)
    assert observation.tobytes() == single[-1][0].tobytes() and info["elapsed_ns"] == 150_000_000
    assert reward == sum(row[1] for row in single)

    def noisy(seed: int) -> bytes:
        environment = make_robot_env(action_noise=0.2, random_start=5)
        first, _ = environment.reset(seed=seed)
        return first.tobytes() + b"".join(environment.step(action)[0].tobytes() for _ in range(10))

    assert noisy(1) == noisy(1) != noisy(2)


def test_random_starts_leave_the_spaces_own_generator_alone() -> None:
    environment = make_robot_env(random_start=3)
    environment.action_space.seed(5)
    environment.reset(seed=0)
    first = environment.action_space.sample()
    environment.action_space.seed(5)
    assert (environment.action_space.sample() == first).all()


@pytest.mark.bad_input
def test_what_is_no_action_is_named() -> None:
    with pytest.raises(
        ConfigError, match="unknown action 'joint_velocty' .did you mean joint_velocity.*; known: joint_velocity, "
    ):
        make_robot_env(action="joint_velocty")
    with pytest.raises(ConfigError, match="action end_effector: unknown setting 'speed' .did you mean speed_m_s"):
        make_robot_env(action="end_effector", action_settings={"speed": 1.0})
    with pytest.raises(ConfigError, match="environment: action_repeat is 0; allowed: 1 to 1000"):
        make_robot_env(action_repeat=0)
    environment = make_robot_env(action="end_effector_discrete")
    environment.reset(seed=0)
    for action in (6, -1, 0.5, None, [1, 2]):
        with pytest.raises(RobotError, match=r"expected 0 to 5: \+x, -x, \+y, -y, \+z, -z"):
            environment.step(action)
