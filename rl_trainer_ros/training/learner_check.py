"""Checks settings of a training by creating its learner and loading its saved models, without robots.

This imports torch, which takes seconds and memory. So `bringup/preflight.py` runs it in a process that ends before the
training starts: `python -m rl_trainer_ros.training.learner_check` reads the settings from standard input, as JSON. For
invalid settings it prints one line and exits with code 2.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import from_mapping

BAD_SETTINGS = 2
OPTION = "--check-settings"
"""Option with which the trainer's executable does the same."""


def check(config: TrainerConfig) -> None:
    """Make all parts of a training except its robots. Raises ConfigError or ModelError, in one line."""
    import gymnasium
    from stable_baselines3.common.vec_env import DummyVecEnv

    from rl_trainer_ros import factories
    from rl_trainer_ros.algorithms.devices import check_device
    from rl_trainer_ros.algorithms.learner import make_learner, observation_kind
    from rl_trainer_ros.environments.frame_stack import stacked
    from rl_trainer_ros.environments.make_env import parts
    from rl_trainer_ros.training.start_mode import beginning

    begin = beginning(config)
    config = begin.config
    check_device(config.device)
    encoder = factories.load_encoder(config.encoder_folder) if config.encoder_folder else None
    made = parts(config, encoder)

    class Spaces(gymnasium.Env[Any, Any]):
        observation_space, action_space = made.observation.space, made.action.space

    environment = stacked(Spaces(), config.frame_stack)
    begin.check(encoder.id if encoder else None, environment.observation_space, environment.action_space)
    settings = begin.hyperparameters(observation_kind(environment.observation_space))
    vec_env = DummyVecEnv([lambda: stacked(Spaces(), config.frame_stack) for _ in config.namespaces])
    make_learner(config.algo, vec_env, settings, policy=config.policy)


def main() -> int:
    """Check the settings on standard input; return the exit code."""
    warnings.simplefilter("ignore")  # the trainer shows them later
    try:
        check(from_mapping(TrainerConfig, json.load(sys.stdin), "settings"))
    except ImportError:  # the trainer needs this package too, and its error names it
        return 1
    except Exception as error:  # the same line as the trainer's
        from robot_interface_ros.errors import RobotError

        if not isinstance(error, (RobotError, ValueError, OSError)):
            raise
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return BAD_SETTINGS
    return 0


if __name__ == "__main__":
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  until this process ends
    sys.exit(main())
