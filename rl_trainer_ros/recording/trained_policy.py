"""The policy of a run, as a recording's."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rl_trainer_ros.algorithms.policy_numbers import distribution
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.recording.policies import Choice
from rl_trainer_ros.recording.record_config import TRAINED, RecordConfig
from rl_trainer_ros.training import trained_policy
from rl_trainer_ros.training.checkpoints import folders, trained_models
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.runs.encoders import with_encoder
from robot_interface_ros.config import ConfigError


def of_run(config: RecordConfig) -> tuple[RecordConfig, Path]:
    """Return the settings with the environment of `config.run`, and the folder of its model. Settings that were given are kept.

    Raises ConfigError or ModelError where there is no such run or model, or where its encoder is another one now.
    """
    folder, model = trained_policy.find(config.run, config.model, config.log_dir)
    about = folders.read(model).about
    run, defaults = with_encoder(run_folder.load_config(folder), folder, about), EnvConfig()
    names = [field.name for field in dataclasses.fields(EnvConfig)]
    own = {name: getattr(config, name) for name in names if getattr(config, name) != getattr(defaults, name)}
    env = {name: getattr(run, name) for name in names} | own
    if run.encoder_folder and "srl_folder" not in own:
        env["srl_folder"] = run.encoder_folder
    changed = dataclasses.replace(config, **env, policy=TRAINED)
    trained_policy.check_trained_with(about, changed.encoder_folder)
    return changed, model


class TrainedPolicy:
    """Acts as a learner does, sampling or not, and gives the distribution of its actions if the algorithm has one."""

    name = TRAINED

    def __init__(self, model: Path, deterministic: bool):
        try:
            policy = trained_models.load(model)
        except trained_models.ModelError as error:
            raise ConfigError(str(error)) from None
        torch.set_num_threads(1)
        self._algorithm, self._normalise = policy.algorithm, policy.normalisation.apply
        self._deterministic = deterministic
        self._memory: Any = None
        self._first = np.ones(1, dtype=bool)

    @property
    def observation_space(self) -> Any:
        """Its observation, as for a learner."""
        return self._algorithm.observation_space

    def begin(self, episode: int, seed: int) -> None:
        """See Policy."""
        torch.manual_seed(seed)
        self._algorithm.action_space.seed(seed % 2**31)
        self._memory, self._first = None, np.ones(1, dtype=bool)

    def act(self, observation: Any, environment: RobotEnv) -> Choice:
        """See Policy."""
        seen = self._normalise(observation)
        action, self._memory = self._algorithm.predict(
            seen, state=self._memory, episode_start=self._first, deterministic=self._deterministic
        )
        self._first = np.zeros(1, dtype=bool)
        wanted = distribution(self._algorithm.policy, seen) if self._memory is None else None
        return Choice(np.asarray(action), wanted)
