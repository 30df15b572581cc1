"""Learning algorithms: a new one is a row in `registry.ALGORITHMS` and a file of settings in `config/algorithms/`."""

from rl_trainer_ros.algorithms.hyperparameters import constructor_arguments, hyperparameters, steps_each
from rl_trainer_ros.algorithms.registry import ALGORITHMS, algorithm, algorithm_class
from rl_trainer_ros.algorithms.schedules import SCHEDULES

__all__ = [
    "ALGORITHMS",
    "SCHEDULES",
    "algorithm",
    "algorithm_class",
    "constructor_arguments",
    "hyperparameters",
    "steps_each",
]
