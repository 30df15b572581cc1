"""Load trained models from checkpoints, to act with them or to start a new run (fine-tuning)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv

from rl_trainer_ros.algorithms.hyperparameters import checked
from rl_trainer_ros.algorithms.learner import make_learner
from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.algorithms.sb3_learner import Sb3Learner
from rl_trainer_ros.training import normalisation
from rl_trainer_ros.training.checkpoints import contents, folders
from rl_trainer_ros.training.checkpoints.errors import ModelError as ModelError
from rl_trainer_ros.training.checkpoints.folders import Checkpoint
from rl_trainer_ros.training.normalisation import Normalisation
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.files.paths import expanded

ABOUT = folders.ABOUT


@dataclass(frozen=True)
class Policy:
    """A trained policy with its normalisation."""

    algorithm: Any
    normalisation: Normalisation
    about: dict[str, Any]

    def act(self, observation: Any) -> NDArray[Any]:
        """Return the deterministic action, of the shape of the action space, for one observation: an array or a dictionary."""
        action, _ = self.algorithm.predict(self.normalisation.apply(observation), deterministic=True)
        return np.asarray(action)


def load(folder: Path, learned: bool = True) -> Policy:
    """Load the policy of a checkpoint, without running code from it. Raises ModelError or ConfigError, in one line.

    `learned`: False gives the same networks with the weights of a new learner of seed 0.
    """
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
    algorithm = make_learner(about["algo"], env, settings, policy=about.get("policy", ""), seed=None if learned else 0)
    if learned:
        contents.load_parameters(checkpoint, Sb3Learner(algorithm))
    return Policy(algorithm, normalisation.from_dict(statistics), about)


class _Spaces(gymnasium.Env[Any, Any]):
    """An environment with spaces only, which is enough to make an algorithm."""

    def __init__(self, checkpoint: folders.Checkpoint):
        self.observation_space = contents.saved_space(checkpoint, "observation_space")
        self.action_space = contents.saved_space(checkpoint, "action_space")


RATE_SHARE = 0.01
"""Default learning rate of fine-tuning, as a share of the model's: the policy adapts, but does not forget at once."""


def source(load_model: str, log_dir: str) -> Checkpoint:
    """Return the checkpoint that `load_model` names: a checkpoint's folder, or the final, latest or best one of a run."""
    path = expanded(load_model)
    if load_model != "latest" and (path / folders.ABOUT).is_file():
        return folders.read(path.resolve())
    run = run_folder.find(load_model, log_dir, learned=True)
    for link in ("final", "latest", "best"):
        if model := folders.model_of(run, link):
            return folders.read(model.resolve())
    raise ModelError(f"{run} holds no checkpoint yet")


def fine_tuning_settings(checkpoint: Checkpoint, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model's hyper-parameters with the learning rate of fine-tuning; `given` overrides them.

    A schedule starts again with the new run. Exploration by random actions (DQN) starts where the model's ended.
    """
    where = f"{checkpoint.folder / folders.ABOUT}: hyperparameters"
    own = checked(checkpoint.about["algo"], checkpoint.about.get("hyperparameters", {}), where)
    if "learning_rate" in own:
        own["learning_rate"] *= RATE_SHARE
    if "exploration_rate" in checkpoint.about.get("counters", {}):
        own["exploration_initial_eps"] = own.get("exploration_final_eps", 0.05)
    return {**own, **given}


def begin_with(checkpoint: Checkpoint, learner: Learner, statistics: Any, config: TrainerConfig) -> None:
    """Load the model, its statistics and, if configured, its replay buffer. Raises ModelError."""
    contents.load_parameters(checkpoint, learner)
    normalisation.restore(statistics, contents.load_statistics(checkpoint))
    statistics.training = not config.freeze_normalisation
    if config.load_replay_buffer:
        contents.load_replay(checkpoint, learner)
