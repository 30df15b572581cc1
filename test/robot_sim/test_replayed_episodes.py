"""An episode with many contacts is the same after other episodes as in a new robot, bit for bit.

EPISODES=5000 replays this number in each world; the default is a few. FIRST=5000 starts with another one.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
import pytest
from scripted_press import ScriptedPress

from rl_trainer_ros.arm.arm import Arm, StepState
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig

pytestmark = pytest.mark.slow

EPISODES, FIRST = int(os.environ.get("EPISODES", "12")), int(os.environ.get("FIRST", "0"))
STEPS, PERIOD_S = 50, 0.05
INTO_THE_TORSO = np.array([-0.13, -0.11, 1.51, -0.74, -0.05])
ARM = Arm(load_robot("inmoov"))


def robot_in(world: str) -> SafeRobot:
    return make_robot(SimConfig(world=world, contact=True, imperfection="strong"), start_ns=0)


def row(observation: Observation) -> tuple[Any, ...]:
    """Return all numbers of an observation as bytes."""
    assert observation.contact is not None
    arrays = (observation.position, observation.velocity, observation.effort, observation.target_position)
    return (*(array.tobytes() for array in (*arrays, observation.contact)), sorted(observation.signals.items()))


def play(robot: SafeRobot, seed: int, steps: int = STEPS) -> tuple[list[str], bool]:
    """Return a digest of every step of an episode, and whether there was any contact.

    The episodes alternate: the hand presses on the target, presses while it trembles, and moves into the robot's torso.
    """
    generator, policy, touched, digests = np.random.default_rng(seed), ScriptedPress(ARM, PERIOD_S), False, []
    target = tuple(generator.uniform([0.4, -0.35, 1.0], [0.46, -0.2, 1.02]).tolist())
    observation = robot.reset(Episode(seed, target))
    for _ in range(steps):
        if seed % 3 == 2:
            command = INTO_THE_TORSO + generator.normal(0.0, 0.05, 5)
        else:
            action = policy.act(StepState(observation, ARM.hand(observation.position)))
            action = np.clip(action + generator.normal(0.0, 0.1 + 0.4 * (seed % 3), 5), -1.0, 1.0)
            command = observation.joint_target[ARM.indices] + action * ARM.velocity * PERIOD_S
        robot.send(Command(observation.stamp, ARM.names, command))
        observation = robot.receive()
        digests.append(hashlib.sha256(repr(row(observation)).encode()).hexdigest())
        touched = touched or bool(observation.signals["self_collision"] or observation.signals["world_collision"])
    return digests, touched


@pytest.mark.equality
@pytest.mark.timeout(60 + 10 * EPISODES)
@pytest.mark.parametrize("world", ["button", "distractors"])
def test_an_episode_after_others_equals_it_alone(world: str) -> None:
    veteran, generator = robot_in(world), np.random.default_rng(FIRST)
    touching, differing = 0, {}
    for seed in range(FIRST, FIRST + EPISODES):
        play(veteran, 1_000_000 + seed, steps=int(generator.integers(1, 30)))  # one that is cut at any moment
        after, touched = play(veteran, seed)
        own = robot_in(world)
        alone, _ = play(own, seed)
        own.close()
        touching += touched
        if after != alone:
            differing[seed] = next(k for k, (a, b) in enumerate(zip(after, alone)) if a != b)
    veteran.close()
    assert not differing, f"episode: first step that differs: {differing}"
    assert touching >= EPISODES // 4


@pytest.mark.equality
def test_the_end_of_old_pairs_does_not_depend_on_an_earlier_episode() -> None:
    """In episode 911 a pair of links ends to be near each other; when PyBullet noticed depended on where 893 had ended."""
    veteran, own = robot_in("distractors"), robot_in("distractors")
    play(veteran, 893)
    after, alone = play(veteran, 911), play(own, 911)
    veteran.close()
    own.close()
    assert after == alone
