"""The imperfect simulated robot: effects on motion, and independence of episodes, in process and over topics."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import drive

from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.imperfection.imperfect_robot import ImperfectRobot
from robot_sim_ros.pybullet_robot import PyBulletRobot, make_robot
from robot_sim_ros.sim_config import SimConfig

pytestmark = pytest.mark.slow

STRETCHED = np.array([-0.3, -1.5708, 0.0, -0.262, -1.5])
INTO_THE_TORSO = np.array([-0.13, -0.11, 1.51, -0.74, -0.05])
EVERYTHING = """
link_mass_scale: [0.5, 2.0]
friction_scale: [0.2, 2.0]
motor_strength_scale: [0.6, 1.0]
position_gain_scale: [0.5, 1.5]
joint_offset: [-0.05, 0.05]
backlash: [0.0, 0.05]
command_delay: [0, 3]
position_noise: [0.0, 0.01]
velocity_noise: [0.0, 0.05]
observation_delay: [0, 3]
reading_drop: [0.0, 0.2]
"""

Make = Callable[[str], SafeRobot]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a robot with the imperfections of a YAML text."""

    def make_imperfect(text: str, **settings: Any) -> SafeRobot:
        path = tmp_path / "imperfection.yaml"
        path.write_text(text)
        return make_robot(SimConfig(imperfection=str(path), **settings), start_ns=0)

    return make_imperfect


def held(robot: SafeRobot, seed: int = 0) -> Observation:
    """After the arm had time to stretch forward."""
    return drive(robot, robot.reset(Episode(seed)), STRETCHED, 200)


def test_without_imperfection_nothing_stands_between_limits_and_physics(make: Make) -> None:
    for robot in (make_robot(SimConfig()), make_robot(SimConfig(imperfection="none")), make("backlash: 0.0")):
        assert type(robot.plant) is PyBulletRobot
        assert robot.reset(Episode()).drawn == {}


def test_a_perfect_wrapper_changes_no_bit(make: Make) -> None:
    """With delay 0 and unchanged masses, the robot moves exactly as without imperfection."""
    plain, wrapped = make_robot(SimConfig(), start_ns=0), make("command_delay: [0, 1]")
    seed = next(seed for seed in range(9) if wrapped.reset(Episode(seed)).drawn == {"command_delay": 0})
    observations = [plain.reset(Episode()), wrapped.reset(Episode(seed))]
    generator = np.random.default_rng(0)
    for step in range(150):
        target = INTO_THE_TORSO + generator.normal(0.0, 0.05, 5) * (step % 2)
        observations = [drive(robot, old, target, 1) for robot, old in zip((plain, wrapped), observations)]
        for name in ("position", "velocity", "effort", "joint_target"):
            assert getattr(observations[0], name).tobytes() == getattr(observations[1], name).tobytes()


def test_heavier_links_take_more_effort_and_weaker_motors_let_the_arm_sink(make: Make) -> None:
    heavy, light = held(make("link_mass_scale: 1.5")), held(make("link_mass_scale: 0.5"))
    assert heavy.effort[1] / light.effort[1] == pytest.approx(3.0, rel=0.05)
    weak, strong = held(make("motor_strength_scale: 0.3")), held(make("motor_strength_scale: 1.0"))
    assert abs(strong.position[1] - STRETCHED[1]) < 0.02 < 0.2 < abs(weak.position[1] - STRETCHED[1])
    limits = load_robot("inmoov").limits
    assert (np.abs(weak.effort) <= 0.3 * limits.effort * (1.0 + 1e-9)).all()


def test_a_lower_gain_lags_behind(make: Make) -> None:
    lag = [
        abs(drive(robot, robot.reset(Episode()), STRETCHED, 20).position[1] - robot._limiter.target[1])
        for robot in (make("position_gain_scale: 0.3"), make("position_gain_scale: 1.01"))
    ]
    assert lag[0] > 2.0 * lag[1]


def test_a_wrong_zero_is_felt_by_the_hand_and_not_by_the_readings(make: Make) -> None:
    robot = make("joint_offset: [0.04, 0.05]")
    observation = robot.reset(Episode(1))
    rest = load_robot("inmoov").rest
    offset = np.array(list(observation.drawn["joint_offset"].values()))
    imperfect = robot.plant
    assert isinstance(imperfect, ImperfectRobot) and (offset >= 0.04).all()
    np.testing.assert_allclose(observation.position, rest, atol=1e-12)
    np.testing.assert_allclose(imperfect.truth.position, rest + offset, atol=1e-12)
    bent = STRETCHED - np.array([0.0, 0.0, 0.0, 0.3, 0.0])  # off the elbow's stop, which stays where it is
    observation = drive(robot, observation, bent, 200)
    np.testing.assert_allclose(observation.position, bent, atol=0.02)
    np.testing.assert_allclose(imperfect.truth.position, observation.position + offset, atol=1e-12)


def test_a_delayed_command_moves_the_arm_later(make: Make) -> None:
    def positions(robot: SafeRobot) -> np.ndarray:
        observation, rows = robot.reset(Episode()), []
        for _ in range(30):
            observation = drive(robot, observation, STRETCHED, 1)
            rows.append(observation.position)
        return np.array(rows)

    prompt, late = positions(make_robot(SimConfig(), start_ns=0)), positions(make("command_delay: 3"))
    assert np.abs(late[:3] - load_robot("inmoov").rest).max() < 0.003  # only gravity has moved it so far
    np.testing.assert_allclose(late[10:], prompt[7:-3], atol=1e-3)


def test_servos_without_feedback_report_commands_whatever_happens(make: Make) -> None:
    robot = make("feedback: commanded\nmotor_strength_scale: 0.2")
    observation = robot.reset(Episode())
    for _ in range(100):
        before = observation
        observation = drive(robot, observation, STRETCHED, 1)
        np.testing.assert_array_equal(observation.position, observation.joint_target)
        np.testing.assert_array_equal(observation.velocity, (observation.position - before.position) / 0.05)
        np.testing.assert_array_equal(observation.effort, 0.0)
    imperfect = robot.plant
    assert isinstance(imperfect, ImperfectRobot)
    assert np.abs(imperfect.truth.position - observation.position).max() > 0.3  # what really happened


def test_asking_twice_reports_the_same(make: Make) -> None:
    robot = make("position_noise: 0.01")
    observation = drive(robot, robot.reset(Episode()), STRETCHED, 3)
    assert robot.receive().position.tobytes() == observation.position.tobytes()


@pytest.mark.equality
def test_an_imperfect_episode_does_not_depend_on_what_came_before(make: Make) -> None:
    robot = make(EVERYTHING)

    def episode(seed: int, robot: SafeRobot = robot) -> tuple[str, dict[str, Any]]:
        generator = np.random.default_rng(seed)
        observation, digest = robot.reset(Episode(seed)), hashlib.sha256()
        drawn = dict(observation.drawn)
        for _ in range(100):
            target = INTO_THE_TORSO if seed % 2 else observation.joint_target
            observation = drive(robot, observation, target + generator.normal(0.0, 0.02, 5), 1)
            for array in (observation.position, observation.velocity, observation.effort):
                digest.update(array.tobytes())
            assert not observation.drawn  # only an episode's first observation tells
        return digest.hexdigest(), drawn

    first = {seed: episode(seed) for seed in range(4)}
    assert len({digest for digest, _ in first.values()}) == 4
    assert [episode(int(seed)) for seed in (3, 0, 1, 1, 2, 0, 3)] == [first[seed] for seed in (3, 0, 1, 1, 2, 0, 3)]
    assert episode(2, make(EVERYTHING)) == first[2]


@pytest.mark.equality
def test_an_imperfect_robot_among_things_that_it_kicks_remembers_none_of_it(make: Make) -> None:
    """Friction, masses and the rest pose change from episode to episode, while contact continues over their ends."""
    from test_world import Stage, kick

    def stage() -> Stage:
        made = Stage("distractors", contact=True)
        made.inner.close()
        made.robot = make(EVERYTHING, world="distractors", contact=True)
        assert isinstance(made.robot.plant, ImperfectRobot)
        made.inner = made.robot.plant.plant  # type: ignore[assignment]
        return made

    alone, again = {seed: kick(stage(), seed) for seed in range(3)}, stage()
    assert len({digest for digest, _ in alone.values()}) == 3 and max(moved for _, moved in alone.values()) > 0.01
    assert [kick(again, seed) for seed in (2, 1, 0, 1)] == [alone[seed] for seed in (2, 1, 0, 1)]


@pytest.mark.equality
@pytest.mark.ros
def test_in_process_and_over_topics_are_the_same_bits(simulator: Callable, tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    from rollouts import assert_same, rollout

    from rl_trainer_ros.environments.make_env import make_robot_env

    path = tmp_path / "everything.yaml"
    path.write_text(EVERYTHING)
    simulator(imperfection=f'"{path}"')
    remote = make_robot_env(transport="topics")
    direct = make_robot_env(simulation={"imperfection": str(path)})
    for seed in (11, 12):
        drawn = [environment.reset(seed=seed)[1]["drawn"] for environment in (direct, remote)]
        assert drawn[0] == drawn[1] and len(drawn[0]) == 11
    assert_same(rollout(direct, 500, seed=6), rollout(remote, 500, seed=6))


@pytest.mark.ros
def test_a_perfect_simulator_announces_no_episode(simulator: Callable) -> None:
    pytest.importorskip("rclpy")
    from rl_trainer_ros.environments.make_env import make_robot_env

    simulator()
    environment = make_robot_env(transport="topics")
    assert "drawn" not in environment.reset(seed=1)[1]
    robot = environment.robot
    assert robot._link.node.count_publishers("/env_0/episode") == 0  # type: ignore[attr-defined]
    environment.close()


@pytest.mark.bad_input
def test_an_unknown_imperfection_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match="unknown imperfection 'mlid' .did you mean mild.*strong"):
        make_robot(SimConfig(imperfection="mlid"))
