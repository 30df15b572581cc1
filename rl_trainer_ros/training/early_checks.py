"""Find invalid settings of a training within a second, before torch is imported and any process is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros import factories
from rl_trainer_ros.actions import ACTIONS
from rl_trainer_ros.algorithms import CONTINUOUS, DISCRETE, algorithm, check_kind
from rl_trainer_ros.environments import requirements
from rl_trainer_ros.environments.make_env import parts
from rl_trainer_ros.environments.requirements import task_class
from rl_trainer_ros.training.cross_evaluation.tasks import check_fit
from rl_trainer_ros.training.runs import encoders
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.files.paths import check_folder
from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import load_robot


@dataclass
class _AnyEncoder:
    """Replaces the encoder of a run, which would have to be loaded. The checks here are the same for every encoder."""

    id: str = ""
    state_dim: int = 1
    cameras: tuple[str, ...] = ()
    estimates: tuple[str, ...] = ("target_x", "target_y", "target_z")

    def encode_images(self, images: Mapping[str, NDArray[np.uint8]]) -> Array:
        return np.zeros(self.state_dim)


def check(config: TrainerConfig) -> None:
    """Raise ConfigError, in one line, for invalid names, settings and combinations.

    The trainer does the same checks. `learner_check` does those that need the learner or a saved model.
    """
    algorithm(config.algo)
    check_simulation(config)
    check_folder("log_dir", config.log_dir)
    encoders.check_method(config)
    parts(config, _AnyEncoder() if config.encoder_folder else None)
    check_fit(config, _AnyEncoder() if config.encoder_folder else None)
    action = ACTIONS[config.action or task_class(config.task).action]
    check_kind(config.algo, DISCRETE if action.discrete else CONTINUOUS)


def check_served(config: TrainerConfig) -> None:
    """Raise ConfigError, one line, for a robot, world or imperfection that cannot be served. Its node finds the same."""
    check_simulation(config)
    settings = requirements.robot_settings(config)
    load_robot(config.robot, settings.get("groups"), settings.get("posture", ""))


def check_simulation(config: TrainerConfig) -> None:
    """Raise ConfigError, one line, for a world or an imperfection that the simulation does not have."""
    requirements.check_world(config.world)
    if config.world:
        factories.check_world_file(config.world)
    factories.check_imperfection(config.imperfection)
