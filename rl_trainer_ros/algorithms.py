"""Algorithms: a new one is a row in `ALGORITHMS` and a file of settings in `config/algorithms/`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from robot_interface_ros.config import ConfigError, read_yaml, unknown_name
from robot_interface_ros.description import share_directory

_OURS = ("policy", "env", "seed", "device", "tensorboard_log", "verbose", "_init_setup_model")  # set by the run itself


def _ppo() -> Any:
    from stable_baselines3 import PPO

    return PPO


@dataclass(frozen=True)
class Algorithm:
    """How to get the stable-baselines3 class; imported only when it is used."""

    load_class: Callable[[], Any]


ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType({"ppo": Algorithm(_ppo)})


def algorithm_class(name: str) -> Any:
    """Return the stable-baselines3 class of an algorithm by name. Raises ConfigError that lists the known ones."""
    if name not in ALGORITHMS:
        raise ConfigError(unknown_name("algo", name, ALGORITHMS))
    return ALGORITHMS[name].load_class()


def hyperparameters(name: str) -> dict[str, Any]:
    """Return the settings in `config/algorithms/<name>.yaml`, checked against the algorithm's real signature."""
    kind = algorithm_class(name)
    path = share_directory() / "config" / "algorithms" / f"{name}.yaml"
    settings = read_yaml(path)
    known = [name for name in list(inspect.signature(kind.__init__).parameters)[1:] if name not in _OURS] + [SCHEDULE]
    for setting in settings:
        if setting not in known:
            raise ConfigError(f"{path}: {unknown_name('hyperparameter', setting, known)}")
    if settings.get(SCHEDULE, "constant") not in SCHEDULES:
        raise ConfigError(f"{path}: {unknown_name(SCHEDULE, settings[SCHEDULE], SCHEDULES)}")
    return settings


def constructor_arguments(settings: Mapping[str, Any], n_envs: int = 1) -> dict[str, Any]:
    """Return what the algorithm's class takes: the settings with the learning rate as a schedule.

    `n_steps`, the rollout of an on-policy algorithm, is shared out to `n_envs` robots.
    """
    arguments = dict(settings)
    if "n_steps" in arguments and n_envs > 1:
        arguments["n_steps"] = steps_each(arguments["n_steps"], n_envs, arguments.get("batch_size", 1))
    schedule = SCHEDULES[arguments.pop(SCHEDULE, "constant")]
    if "learning_rate" in arguments:
        arguments["learning_rate"] = schedule(float(arguments["learning_rate"]))
    return arguments


def steps_each(rollout: int, n_envs: int, batch_size: int) -> int:
    """Return the steps per robot that come closest to a `rollout` of all of them and fill whole batches."""
    multiple = batch_size // math.gcd(batch_size, n_envs)
    return max(1, round(rollout / n_envs / multiple)) * multiple


def _constant(start: float) -> Callable[[float], float]:
    return lambda left: start


def _linear(start: float, end_share: float = 0.1) -> Callable[[float], float]:
    """Falls linearly from `start` to `end_share` of it; `left` is the share of training that is left."""
    return lambda left: start * (end_share + (1.0 - end_share) * left)


SCHEDULE = "learning_rate_schedule"
SCHEDULES: Mapping[str, Callable[[float], Callable[[float], float]]] = MappingProxyType(
    {"constant": _constant, "linear": _linear}
)
