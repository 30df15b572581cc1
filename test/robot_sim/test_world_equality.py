"""Worlds in process and over topics: contact, signals and targets, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from serving import discover

pytest.importorskip("rclpy")
from scripted_press import ScriptedPress

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig

pytestmark = [pytest.mark.equality, pytest.mark.ros]
PERIOD_S = 0.05


def row(observation: Observation) -> tuple[Any, ...]:
    """Return all observations as bytes."""
    arrays = (observation.position, observation.velocity, observation.effort, observation.target_position)
    assert observation.contact is not None
    return (*(array.tobytes() for array in (*arrays, observation.contact)), dict(observation.signals))


def episodes(robot: Any, episodes: int, steps: int) -> list[tuple[Any, ...]]:
    """Return rows of episodes with different seeds and targets, in which the hand presses and trembles."""
    arm, generator, rows = Arm(load_robot("inmoov")), np.random.default_rng(0), []
    for seed in range(episodes):
        target = None if seed == 0 else tuple(generator.uniform([0.4, -0.35, 1.0], [0.46, -0.2, 1.02]).tolist())
        observation = robot.reset(Episode(seed, target))
        policy = ScriptedPress(arm, PERIOD_S)
        rows.append(row(observation))
        for _ in range(steps):
            step_state = StepState(observation, arm.hand(observation.position))
            action = np.clip(policy.act(step_state) + generator.normal(0.0, 0.1, 5), -1.0, 1.0)
            targets = observation.joint_target[arm.indices] + action * arm.velocity * PERIOD_S
            robot.send(Command(observation.stamp, arm.names, targets))
            observation = robot.receive()
            rows.append(row(observation))
    return rows


@pytest.mark.parametrize("world", ["button", "distractors", "chasing", "escape"])
def test_the_same_in_process_and_over_topics(simulator: Callable, world: str) -> None:
    simulator(world=world, contact=True)
    direct = make_robot(SimConfig(world=world, contact=True))
    with Runtime() as runtime:
        remote = TopicRobot(runtime, load_robot("inmoov"), period_ns=direct.period_ns, contact=True, world_state=True)
        here, there = (episodes(robot, episodes=3, steps=100) for robot in (direct, remote))
        batched = ("joint_states", "target_pose", "contact", "world_state")
        assert not any(remote._link.node.count_subscribers(f"/env_0/{name}") for name in batched)
        remote.close()
    differing = [k for k, (a, b) in enumerate(zip(here, there)) if a != b]
    assert len(here) == len(there) == 303 and not differing, (
        f"{len(differing)} rows differ, the first at {differing[0]}"
    )
    signals = [entry[-1] for entry in here]
    if world in ("button", "distractors"):
        assert max(entry["presses"] for entry in signals) >= 1.0
        assert max(entry["world_collision"] for entry in signals) >= 1.0
        assert any(np.frombuffer(entry[4]).any() for entry in here)
    else:
        assert len({entry[3] for entry in here}) > 250  # the target moved


@pytest.mark.bad_input
def test_a_world_without_what_is_awaited_is_named(simulator: Callable) -> None:
    simulator()  # the target alone: it senses nothing
    with Runtime() as runtime:
        discover(runtime)
        timeouts = Timeouts(needed_timeout_s=3.0)
        robot = TopicRobot(
            runtime, load_robot("inmoov"), period_ns=50_000_000, contact=True, world_state=True, timeouts=timeouts
        )
        with pytest.raises(
            RobotError, match=r"/env_0/contact, which /env_0 does not publish within 3 s; does the simulator have"
        ):
            robot.reset(Episode())
        robot.close()


@pytest.mark.bad_input
def test_the_simulator_node_names_an_unknown_world(start: Callable) -> None:
    process = start("robot_sim_ros.ros.robot_sim_node", world="buton")
    assert process.wait() == 2
    assert sum("unknown world 'buton' (did you mean button?)" in line for line in process.lines) == 1
