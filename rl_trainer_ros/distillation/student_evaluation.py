"""Evaluations of a student: on one task, and on those of its teachers together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.episodes import Evaluation, evaluate
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
from rl_trainer_ros.training.callbacks.evaluation import SEED


def evaluate_on(
    config: EnvConfig, actor: Any, normalise: Callable[[Any], Any], episodes: int, seed: int = SEED
) -> Evaluation:
    """Evaluate a policy in a simulated environment."""
    environment = make_environment(config)
    try:
        return evaluate(PolicyRunner(actor, normalise), environment, episodes, seed)
    finally:
        environment.close()


def joined(found: Sequence[Evaluation]) -> Evaluation:
    """Return the episodes of several evaluations as one."""
    names = ("success", "distance", "episode_return", "steps")
    return Evaluation(**{name: np.concatenate([getattr(one, name) for one in found]) for name in names}, held=None)
