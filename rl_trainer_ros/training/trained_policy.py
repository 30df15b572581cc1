"""A run's trained policy, found and loaded to act with; nothing that a file holds is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_trainer_ros import factories
from rl_trainer_ros.algorithms.learner import learner_space
from rl_trainer_ros.environments.frame_stack import seen_space
from rl_trainer_ros.training.checkpoints import folders, trained_models
from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.runs.encoders import with_encoder
from robot_interface_ros.files.paths import expanded

if TYPE_CHECKING:
    from rl_trainer_ros.environments.environment import RobotEnv
    from rl_trainer_ros.training.trainer_config import TrainerConfig

MODELS = ("final", "best", "latest")


@dataclass(frozen=True)
class TrainedPolicy:
    """A policy, where it lies, and the settings of its training."""

    run: Path
    model: Path
    policy: trained_models.Policy
    config: TrainerConfig

    @property
    def untrained(self) -> bool:
        """Whether it was saved before the first update."""
        return not folders.trained(self.policy.about)


def find(run: str, model: str, log_dir: str) -> tuple[Path, Path]:
    """Return the folders of a run and of its model (final, best or latest); `run` may also name a model's own, or be `latest`.

    Raises ModelError or ConfigError, one line.
    """
    folder = run_folder.find(run, log_dir, learned=True)
    named = expanded(run)
    if (named / trained_models.ABOUT).is_file():
        return folder, named
    there = folders.model_of(folder, model)
    if there is None:
        found = [f"model:={name}" for name in MODELS if folders.model_of(folder, name)]
        raise ModelError(f"{folder} has no {model} model; it has: {', '.join(found) or 'none yet'}")
    return folder, there


def check_encoder(found: TrainedPolicy) -> None:
    """See `check_trained_with`."""
    check_trained_with(found.policy.about, found.config.encoder_folder)


def check_trained_with(about: Mapping[str, Any], folder: str) -> None:
    """Raise ModelError for another encoder than in training: a new training of an encoder replaces it in its folder.

    `about`: of the checkpoint; `folder`: of the encoder, empty: there is none.
    """
    if not folder:
        return
    trained_with, there = about.get("encoder") or "none", factories.load_encoder(folder).id
    if there != trained_with:
        raise ModelError(
            f"the policy was trained with encoder {trained_with}, but {folder} holds {there}; restore that encoder, or train "
            "the policy again"
        )


def check_observation(found: TrainedPolicy, environment: RobotEnv) -> None:
    """Raise ModelError if an environment lacks the observation that the policy needs."""
    if learner_space(seen_space(environment)) != found.policy.algorithm.observation_space:
        raise ModelError(
            f"{found.model} has another observation space than robot {environment.config.robot}; use the robot of the training"
        )


def load(run: str, model: str, log_dir: str) -> TrainedPolicy:
    """Find a model as `find` does, and load it. Raises ModelError or ConfigError, one line."""
    folder, chosen = find(run, model, log_dir)
    policy = trained_models.load(chosen)
    return TrainedPolicy(folder, chosen, policy, with_encoder(run_folder.load_config(folder), folder, policy.about))
