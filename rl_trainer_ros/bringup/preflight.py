"""What is checked of a training before any process is started, by both fronts of bring-up."""

from __future__ import annotations

from rl_trainer_ros.training import learner_check
from rl_trainer_ros.training.trainer_config import TrainerConfig


def check(config: TrainerConfig) -> None:
    """Raise ConfigError, one line, for settings with which no training can begin."""
    try:
        from rl_trainer_ros.training import early_checks
    except ModuleNotFoundError:  # ros2 launch may run with a Python that has no learner's packages; the trainer's has
        pass
    else:
        early_checks.check(config)
    learner_check.check_learner(config)
