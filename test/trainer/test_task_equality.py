"""Every task gives the same bits in process and over topics, also with two cameras, goals and all joints."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from scripted_press import ScriptedPress

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.frame_stack import limited
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.tasks import TASKS

pytestmark = [pytest.mark.equality, pytest.mark.ros]
STEPS = 200


def rows(environment: RobotEnv, steps: int = STEPS) -> list[tuple[Any, ...]]:
    """Return the learner's data of some episodes as bytes; in worlds with buttons the first episode presses them."""
    player = limited(environment)
    player.action_space.seed(1)
    presser = ScriptedPress(environment.arm, 0.05) if "table_contact" in environment.task.signals else None
    observation, info = player.reset(seed=11)
    found: list[tuple[Any, ...]] = [(as_bytes(observation), info["target"])]
    for _ in range(steps):
        action = presser.act(environment.step_state) if presser else player.action_space.sample()
        observation, reward, terminated, truncated, info = player.step(action)
        found.append((as_bytes(observation), np.float64(reward).tobytes(), terminated, truncated, repr(info)))
        if terminated or truncated:
            presser = None
            found.append((as_bytes(player.reset()[0]),))
    environment.close()
    return found


def as_bytes(observation: Any) -> bytes:
    parts = observation.values() if isinstance(observation, dict) else [observation]
    return b"".join(part.tobytes() for part in parts)


def assert_equal(
    simulator: Callable, told: dict[str, object], settings: list[dict[str, Any]], steps: int = STEPS
) -> None:
    """Start one simulator, and compare every environment over topics with the same one in process."""
    simulator(**told)
    for setting in settings:
        here, there = rows(make_robot_env(**setting), steps), rows(make_robot_env(transport="topics", **setting), steps)
        differing = [k for k, (a, b) in enumerate(zip(here, there)) if a != b]
        assert len(here) == len(there) and not differing, f"{setting}: rows {differing[:5]} of {len(here)} differ"


def by_simulator() -> list[Any]:
    """Group tasks that one simulator can serve: the same world and posture."""

    def served(task: str) -> tuple[str, str]:
        return TASKS[task].world, TASKS[task].posture

    groups = groupby(sorted(TASKS.ours, key=served), key=served)
    return [pytest.param(world, posture, list(tasks), id=f"{world}-{posture}") for (world, posture), tasks in groups]


@pytest.mark.parametrize(("world", "posture", "tasks"), by_simulator())
def test_every_task(simulator: Callable, world: str, posture: str, tasks: list[str]) -> None:
    told = {"world": world} | ({"posture": posture} if posture else {})
    assert_equal(simulator, told, [{"task": task, "random_start": 2} for task in tasks])


def test_pixels_of_two_cameras_and_goals(simulator: Callable) -> None:
    seen = {"cameras": ["external", "right_eye"], "image_width": 48, "image_height": 36}
    told = {"cameras": "[external, right_eye]", "image_width": 48, "image_height": 36}
    pixels = {"observation": "raw_pixels", "observation_settings": seen, "action": "end_effector_discrete"}
    goals = {"goal_conditioned": True, "reward": "sparse", "simulation": {"cameras": ()}, "action_repeat": 2}
    assert_equal(simulator, told, [pixels, goals], steps=60)


def test_all_joints(simulator: Callable) -> None:
    assert_equal(simulator, {"groups": "[all]"}, [{"joint_group": "all"}], steps=40)
