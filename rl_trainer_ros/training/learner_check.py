"""Checks the settings of a training that need the learner or saved models, before any other process is started.

That imports torch, which takes seconds and memory, so it runs in a process that ends before the training begins:
`python -m rl_trainer_ros.training.learner_check` reads the settings from standard input, as JSON, and exits with 2 and one
line where they are at fault.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import warnings
from importlib.util import find_spec
from typing import Any

from rl_trainer_ros.bringup.installed import find_executable
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError, from_mapping

BAD_SETTINGS = 2
TIMEOUT_S = 120.0
OPTION = "--check-settings"
"""Word after which the trainer's executable does the same."""
_NEEDED_FOR = ("hyperparameters", "preset", "policy", "load_model", "resume")


def check_learner(config: TrainerConfig) -> None:
    """Raise ConfigError, one line, where a learner or the model that it begins with would refuse these settings.

    Nothing is checked, and no time taken, where only defaults are used. Where the check itself cannot run, the trainer finds
    the same later.
    """
    if not any(getattr(config, name) for name in _NEEDED_FOR):
        return
    if config.resume:
        with contextlib.suppress(ModuleNotFoundError):  # this Python may have no learner's packages; the trainer's has
            from rl_trainer_ros.training.checkpoints import resume

            resume.start(config)
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        ended = subprocess.run(
            _command(),
            input=json.dumps(dataclasses.asdict(config)),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        if ended.returncode == BAD_SETTINGS and ended.stderr.strip():
            raise ConfigError(ended.stderr.strip().splitlines()[-1])


def _command() -> list[str]:
    """This Python where it has the learners; ros2 launch may run with another, and then the trainer's executable has them."""
    executable = find_executable("rl_trainer_ros", "trainer_node")
    if executable and find_spec("stable_baselines3") is None:
        return [executable, OPTION]
    return [sys.executable, "-m", "robot_interface_ros.start", "rl_trainer_ros.training.learner_check"]


def check(config: TrainerConfig) -> None:
    """Make everything of a training but its robots. Raises ConfigError or ModelError, one line."""
    import gymnasium
    from stable_baselines3.common.vec_env import DummyVecEnv

    from rl_trainer_ros import factories
    from rl_trainer_ros.algorithms.learner import make_learner, observation_kind
    from rl_trainer_ros.environments.frame_stack import stacked
    from rl_trainer_ros.environments.make_env import parts
    from rl_trainer_ros.training.start_mode import beginning

    begin = beginning(config)
    config = begin.config
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
    """Check the settings on standard input; returns the exit code."""
    warnings.simplefilter("ignore")  # the trainer says them again
    try:
        check(from_mapping(TrainerConfig, json.load(sys.stdin), "settings"))
    except ImportError:  # a package that the trainer asks for too, and names
        return 1
    except Exception as error:  # in the words that the trainer would have
        from robot_interface_ros.errors import RobotError

        if not isinstance(error, (RobotError, ValueError, OSError)):
            raise
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return BAD_SETTINGS
    return 0


if __name__ == "__main__":
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  until this process ends
    sys.exit(main())
