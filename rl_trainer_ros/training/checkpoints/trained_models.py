"""Trained policies, loaded from checkpoints to act with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv

from rl_trainer_ros.algorithms.hyperparameters import checked
from rl_trainer_ros.algorithms.learner import make_learner
from rl_trainer_ros.training import normalisation
from rl_trainer_ros.training.checkpoints import contents, folders
from rl_trainer_ros.training.checkpoints.errors import ModelError as ModelError
from rl_trainer_ros.training.normalisation import Normalisation

ABOUT = folders.ABOUT


@dataclass(frozen=True)
class Policy:
    """A trained policy with its normalisation."""

    algorithm: Any
    normalisation: Normalisation
    about: dict[str, Any]

    def act(self, observation: Any) -> NDArray[Any]:
        """Return the deterministic action for one observation, an array or a dictionary of arrays."""
        action, _ = self.algorithm.predict(self.normalisation.apply(observation), deterministic=True)
        return np.asarray(action)


def load(folder: Path) -> Policy:
    """Load a checkpoint to act with; nothing in it is run. Raises ModelError or ConfigError, one line, for what is not one."""
    checkpoint = folders.read(folder)
    about = checkpoint.about
    statistics = contents.load_statistics(checkpoint)
    contents.check_network(checkpoint)
    env = DummyVecEnv([lambda: _Spaces(checkpoint)])
    settings = checked(
        about["algo"], about.get("hyperparameters", {}), f"{folder / ABOUT}: hyperparameters of {about['algo']}"
    )
    if "buffer_size" in settings:
        settings["buffer_size"] = 1
    algorithm = make_learner(about["algo"], env, settings, policy=about.get("policy", ""))
    contents.load_parameters(checkpoint, algorithm)
    return Policy(algorithm, normalisation.from_dict(statistics), about)


class _Spaces(gymnasium.Env[Any, Any]):
    """An environment that only tells its spaces: all that an algorithm is made from."""

    def __init__(self, checkpoint: folders.Checkpoint):
        self.observation_space = contents.saved_space(checkpoint, "observation_space")
        self.action_space = contents.saved_space(checkpoint, "action_space")
