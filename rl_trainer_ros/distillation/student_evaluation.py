"""Evaluations of a student: on one task, and on those of its teachers together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.at_once import evaluate_at_once, robots_for
from rl_trainer_ros.evaluation.episodes import Evaluation
from rl_trainer_ros.training.callbacks.evaluation import SEED


def evaluate_on(
    config: EnvConfig, actor: Any, normalise: Callable[[Any], Any], episodes: int, seed: int = SEED
) -> Evaluation:
    """Evaluate a policy on simulated robots."""
    with ExitStack() as robots:
        environments = []
        for _ in range(robots_for(episodes)):
            environments.append(make_environment(config))
            robots.callback(environments[-1].close)
        return evaluate_at_once(actor, normalise, environments, episodes, seed)


def joined(found: Sequence[Evaluation]) -> Evaluation:
    """Return the episodes of several evaluations as one."""
    names = ("success", "distance", "episode_return", "steps")
    return Evaluation(**{name: np.concatenate([getattr(one, name) for one in found]) for name in names}, held=None)
