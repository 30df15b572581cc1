"""Learning algorithms. A new one is a row in `registry.ALGORITHMS` and a file in `config/algorithms/`, or another package's
entry point."""

from rl_trainer_ros.algorithms.hyperparameters import constructor_arguments, hyperparameters, steps_each
from rl_trainer_ros.algorithms.registry import (
    ALGORITHMS,
    CONTINUOUS,
    DISCRETE,
    Algorithm,
    algorithm,
    algorithm_class,
    check_kind,
)
from rl_trainer_ros.algorithms.schedules import SCHEDULES

__all__ = [
    "ALGORITHMS",
    "CONTINUOUS",
    "DISCRETE",
    "SCHEDULES",
    "Algorithm",
    "algorithm",
    "algorithm_class",
    "check_kind",
    "constructor_arguments",
    "hyperparameters",
    "steps_each",
]
