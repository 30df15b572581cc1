"""Evaluation on several robots at once: the same episodes as one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.at_once import evaluate_at_once, robots_for
from rl_trainer_ros.evaluation.episodes import evaluate
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner

SHORT = EnvConfig(task_settings="{max_episode_steps: 30}")


class Towards:
    """Moves by a number that its memory counts up, so that an episode depends on its own beginning only."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        alone = observation.ndim == 1
        batch = observation[None] if alone else observation
        self.rows.append(len(batch))
        count = np.zeros(len(batch)) if state is None else state
        count = np.where(episode_start, 0.0, count) + 1.0
        actions = np.sin(batch[:, :5] + 0.2 * count[:, None]).astype(np.float32)
        return (actions[0] if alone else actions), count


@pytest.fixture(scope="module")
def robots() -> Any:
    made = [make_environment(SHORT) for _ in range(3)]
    yield made
    for robot in made:
        robot.close()


def test_the_episodes_are_those_of_one_robot(robots: Any) -> None:
    """5 episodes on 3 robots: the last two wait for a robot, and end on other robots than they would alone."""
    one = evaluate(PolicyRunner(Towards(), lambda seen: 2.0 * seen), robots[0], 5)
    actor, done = Towards(), list[int]()
    several = evaluate_at_once(actor, lambda seen: 2.0 * seen, robots, 5, report=done.append)
    for name in ("success", "distance", "episode_return", "steps"):
        assert getattr(one, name).tolist() == getattr(several, name).tolist()
    assert set(actor.rows) == {3} and len(actor.rows) < one.steps.sum() and done == [1, 2, 3, 4, 5]
    actor = Towards()
    assert len(evaluate_at_once(actor, lambda seen: seen, robots, 2).steps) == 2 and set(actor.rows) == {2}


def test_an_interrupted_episode_is_repeated(robots: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step, interruptions = type(robots[0]).step, iter([True, *[False] * 10_000])

    def interrupted(self: Any, action: Any) -> Any:
        observation, reward, terminated, truncated, info = step(self, action)
        return (
            (observation, reward, False, True, {**info, "interrupted": "pushed"})
            if next(interruptions)
            else (observation, reward, terminated, truncated, info)
        )

    whole = evaluate_at_once(Towards(), lambda seen: seen, robots, 4)
    monkeypatch.setattr(type(robots[0]), "step", interrupted)
    assert evaluate_at_once(Towards(), lambda seen: seen, robots, 4).steps.tolist() == whole.steps.tolist()
    interruptions = iter([True] * 10_000)
    with pytest.raises(RuntimeError, match="more episodes were interrupted than evaluated. The last: pushed"):
        evaluate_at_once(Towards(), lambda seen: seen, robots, 4)


def test_the_number_of_robots_suits_the_episodes() -> None:
    assert [robots_for(episodes) for episodes in (1, 7, 8, 20, 500)] == [1, 1, 2, 5, 8]
