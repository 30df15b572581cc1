"""Check the settings of a training, or of served robots, before any process is started. Both front ends of bring-up call it.

Names and combinations are checked here. `training/learner_check.py` checks settings that need a learner or a saved model,
in a process of its own, so that torch is not loaded here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
from importlib.util import find_spec

from rl_trainer_ros.training import learner_check
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.command_lines import find_executable
from robot_interface_ros.config import ConfigError

TIMEOUT_S = 120.0
_NEEDED_FOR = ("hyperparameters", "preset", "policy", "load_model", "resume")


def check(config: TrainerConfig, serving: bool = False) -> None:
    """Raise ConfigError, in one line, for invalid settings.

    `serving`: robots are served without a trainer, so only their settings are checked.
    """
    try:
        from rl_trainer_ros.training import early_checks
    except ModuleNotFoundError:  # ros2 launch may use a Python without the learners' packages; the trainer has them
        pass
    else:
        (early_checks.check_served if serving else early_checks.check)(config)
    if not serving:
        check_learner(config)


def check_learner(config: TrainerConfig) -> None:
    """Raise ConfigError, in one line, for settings that the learner, or the model to start with, would refuse.

    If all these settings have their defaults, nothing is checked. If the check cannot run, the trainer reports the error later.
    """
    if not any(getattr(config, name) for name in _NEEDED_FOR) and config.device != "cuda":
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        ended = subprocess.run(
            _command(),
            input=json.dumps(dataclasses.asdict(config)),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        if ended.returncode == learner_check.BAD_SETTINGS and ended.stderr.strip():
            raise ConfigError(ended.stderr.strip().splitlines()[-1])


def _command() -> list[str]:
    """Return the command of the check. If this Python has no learners (`ros2 launch`), the trainer's executable is used."""
    executable = find_executable("rl_trainer_ros", "trainer_node")
    if executable and find_spec("stable_baselines3") is None:
        return [executable, learner_check.OPTION]
    return [sys.executable, "-m", "robot_interface_ros.start", "rl_trainer_ros.training.learner_check"]
