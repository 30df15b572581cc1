"""What a training cannot be, found within a second: before torch is imported and any process is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.actions import ACTIONS
from rl_trainer_ros.algorithms import CONTINUOUS, DISCRETE, algorithm, check_kind
from rl_trainer_ros.environments.episode_options import EpisodeOptions
from rl_trainer_ros.environments.make_env import Parts, parts
from rl_trainer_ros.environments.requirements import check_world, task_class
from rl_trainer_ros.factories import Encoder
from rl_trainer_ros.training.trainer_config import TrainerConfig, settings_of
from robot_interface_ros.robot import Array


@dataclass
class _AnyEncoder:
    """Stands for the encoder of a run, which would have to be loaded: what is checked here is the same with any."""

    id: str = ""
    state_dim: int = 1

    def encode(self, image: NDArray[np.uint8]) -> Array:
        return np.zeros(self.state_dim)


def check(config: TrainerConfig) -> None:
    """Raise ConfigError, one line, for names, settings and combinations that no training can have.

    The trainer finds the same. `learner_check` finds what needs the learner or a saved model to be found.
    """
    algorithm(config.algo)
    check_world(config.world)
    parts_of(config, _AnyEncoder() if config.encoder_folder else None)
    EpisodeOptions(frame_stack=config.frame_stack, goal_conditioned=config.goal_conditioned)
    action = ACTIONS[config.action or task_class(config.task).action]
    check_kind(config.algo, DISCRETE if action.discrete else CONTINUOUS)


def parts_of(config: TrainerConfig, encoder: Encoder | None) -> Parts:
    """Return what a training's environment is made of, but for its robot. Raises ConfigError, one line."""
    return parts(
        config.task,
        config.robot,
        config.action,
        config.observed,
        config.joint_group,
        _settings(config, "task"),
        _settings(config, "action"),
        _settings(config, "observation"),
        config.goal_conditioned,
        config.control_hz,
        encoder,
        config.task_memory,
    )


def _settings(config: TrainerConfig, part: str) -> dict[str, Any]:
    name = f"{part}_settings"
    return settings_of(name, getattr(config, name))
