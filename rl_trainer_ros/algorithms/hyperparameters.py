"""Hyper-parameters: read from `config/algorithms/<algo>.yaml`, overridden by the user, checked against the class's signature.

A file has a section `default`. Other sections override it: `pixels` and `goal` for these kinds of observation, and presets
by name (such as `few_steps`). In addition to the arguments of the algorithm's class there are the settings in OWN.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_trainer_ros.algorithms.hyperparameter_values import (
    END,
    RANGES,
    SCHEDULE,
    as_number_of,
    check_layers,
    check_value,
)
from rl_trainer_ros.algorithms.registry import algorithm
from rl_trainer_ros.algorithms.schedules import END_SHARE, SCHEDULES
from robot_interface_ros.config import ConfigError, read_yaml, unknown_name
from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.files.description import share_directory

DEFAULT, KINDS = "default", ("vector", "pixels", "goal")
OWN = {
    SCHEDULE: "decrease of the learning rate over the training: constant, linear or cosine",
    END: "share of the learning rate that is left at the end of the training, with linear and cosine; 0.1 by default",
    "net_arch": "number of neurons of each hidden layer, such as [64, 64]",
    "activation": "activation function of the hidden layers",
    "log_std_init": "logarithm of the policy's initial standard deviation",
    "action_noise": "noise on the actions during training: none, normal or ou (Ornstein-Uhlenbeck)",
    "action_noise_std": "standard deviation of action_noise; actions are in [-1, 1]",
    "her": "replace goals in the replay buffer (hindsight experience replay); needs a goal-conditioned observation",
    "n_sampled_goal": "number of goals that HER adds for each real one",
}
ACTIVATIONS = ("tanh", "relu", "elu", "leaky_relu")
ACTION_NOISES = ("none", "normal", "ou")
_OF_THE_RUN = {
    *("self", "policy", "env", "seed", "device", "tensorboard_log", "verbose", "settings", "_init_setup_model"),
    *("policy_kwargs", "action_noise", "replay_buffer_class", "replay_buffer_kwargs", "optimize_memory_usage"),
    *("rollout_buffer_class", "rollout_buffer_kwargs"),
}


def hyperparameters(
    name: str, overrides: Mapping[str, Any] | None = None, *, kind: str = "vector", preset: str = ""
) -> dict[str, Any]:
    """Return the settings of an algorithm for a kind of observation (one of KINDS). Raises ConfigError, in one line."""
    row = algorithm(name)
    path = Path(row.settings or share_directory() / "config" / "algorithms" / f"{name}.yaml")
    sections = read_yaml(path) if path.is_file() else {DEFAULT: {}}
    if DEFAULT not in sections:
        raise ConfigError(f"{path}: no section '{DEFAULT}'")
    presets = [section for section in sections if section not in (DEFAULT, *KINDS)]
    if preset and preset not in presets:
        raise ConfigError(f"algo {name}: {unknown_name('preset', preset, presets)}")
    settings: dict[str, Any] = {}
    known = setting_names(name)
    for section in (DEFAULT, kind, preset):
        settings |= _checked(sections.get(section) or {}, known, f"{path}: {section}")
    settings |= _checked(overrides or {}, known, f"hyperparameters of {name}")
    defaults = _arguments(row.load_class()) | {"her": False, "log_std_init": 0.0}
    for entry, value in settings.items():
        _check_like(entry, value, defaults.get(entry), f"hyperparameters of {name}")
    check_layers(settings.get("net_arch"), row.load_class(), f"hyperparameters of {name}")
    if END in (overrides or {}) and settings.get(SCHEDULE, "constant") == "constant":
        raise ConfigError(
            f"hyperparameters of {name}: {END} has no effect with a constant learning rate; add {SCHEDULE}: linear"
        )
    if settings.get("her") and not row.replay:
        raise ConfigError(f"hyperparameters of {name}: her needs a replay buffer, which {name} does not have")
    if settings.get("her") and settings.get("n_steps", 1) != 1:
        raise ConfigError(f"hyperparameters of {name}: n_steps has no effect with her; leave one of the two out")
    return settings


def checked(name: str, settings: Any, where: str) -> dict[str, Any]:
    """Check settings of an algorithm from a file, and return them. Raises ConfigError for an unknown name or wrong value."""
    return _checked(settings, setting_names(name), where)


def setting_names(name: str) -> list[str]:
    """Return the names of all settings of an algorithm: arguments of its class and base classes, and those of OWN."""
    row, taken = algorithm(name), _arguments(algorithm(name).load_class())
    own = set(OWN)
    if "learning_rate" not in taken:
        own -= {SCHEDULE, END}
    if "action_noise" not in taken:
        own -= {"action_noise", "action_noise_std"}
    if not row.replay:
        own -= {"her", "n_sampled_goal"}
    if "policy_kwargs" not in taken:
        own -= {"net_arch", "activation", "log_std_init"}
    return [argument for argument in taken if argument not in _OF_THE_RUN] + [entry for entry in OWN if entry in own]


def _arguments(kind: Any) -> dict[str, Any]:
    """Return all arguments of a class's constructor, including those passed to its base classes, with their defaults."""
    taken: dict[str, Any] = {}
    for base in kind.__mro__:
        if "__init__" in vars(base) and base.__module__ not in ("builtins", "stable_baselines3.common.base_class"):
            parameters = inspect.signature(vars(base)["__init__"]).parameters
            named = {
                name: one for name, one in parameters.items() if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
            }
            taken = {name: one.default for name, one in named.items()} | taken
            if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
                break  # no **kwargs: the user cannot pass arguments to further base classes
    return taken


def constructor_arguments(
    settings: Mapping[str, Any], actions: int = 1, n_envs: int = 1, rollouts: bool = True
) -> dict[str, Any]:
    """Return the constructor's arguments for `settings`: schedules, noise for `actions` numbers, networks and buffers.

    `rollouts`: the algorithm learns from rollouts of length `n_steps`. If it also learns in batches, `n_steps` is divided
    among `n_envs` robots. With a replay buffer, `n_steps` is the n of n-step returns, for each robot separately.
    """
    arguments = dict(settings)
    if rollouts and n_envs > 1 and "batch_size" in arguments and "n_steps" in arguments:
        arguments["n_steps"] = steps_each(arguments["n_steps"], n_envs, arguments["batch_size"])
    schedule, end_share = SCHEDULES[arguments.pop(SCHEDULE, "constant")], arguments.pop(END, END_SHARE)
    if "learning_rate" in arguments:
        arguments["learning_rate"] = schedule(float(arguments["learning_rate"]), float(end_share))
    policy: dict[str, Any] = {name: arguments.pop(name) for name in ("net_arch", "log_std_init") if name in arguments}
    if "activation" in arguments:
        policy["activation_fn"] = _activation(arguments.pop("activation"))
    if policy:
        arguments["policy_kwargs"] = policy
    noise, deviation = arguments.pop("action_noise", "none"), float(arguments.pop("action_noise_std", 0.1))
    if noise != "none":
        arguments["action_noise"] = _noise(noise, deviation, actions)
    goals = arguments.pop("n_sampled_goal", 4)
    if arguments.pop("her", False):
        from stable_baselines3 import HerReplayBuffer

        arguments["replay_buffer_class"] = HerReplayBuffer
        arguments["replay_buffer_kwargs"] = {"n_sampled_goal": goals, "goal_selection_strategy": "future"}
    if isinstance(arguments.get("train_freq"), list):
        arguments["train_freq"] = tuple(arguments["train_freq"])
    return arguments


def after_first_episodes(settings: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """Return settings with which hindsight replay learns after `steps` at the earliest: those of an episode of every robot.

    It takes its goals from whole episodes, so stable-baselines3 fails before the first one has ended.
    """
    if not settings.get("her") or settings.get("learning_starts", 0) >= steps:
        return dict(settings)
    return {**settings, "learning_starts": steps}


def steps_each(rollout: int, n_envs: int, batch_size: int) -> int:
    """Return the number of steps per robot that is closest to `rollout / n_envs` and fills whole batches.

    A batch larger than the rollout is the rollout, as with one robot.
    """
    batch_size = min(batch_size, rollout)
    multiple = batch_size // math.gcd(batch_size, n_envs)
    return max(1, round(rollout / n_envs / multiple)) * multiple


def _checked(settings: Any, known: list[str], where: str | Path) -> dict[str, Any]:
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{where}: expected a mapping of hyperparameters, got {shown(settings)}")
    choices = {SCHEDULE: SCHEDULES, "activation": ACTIVATIONS, "action_noise": ACTION_NOISES}
    settings = {name: as_number_of(name, value) for name, value in settings.items()}
    for name, value in settings.items():
        if name not in known:
            raise ConfigError(f"{where}: {unknown_name('hyperparameter', name, known)}")
        if name in choices and (not isinstance(value, str) or value not in choices[name]):
            raise ConfigError(f"{where}: {unknown_name(name, value, choices[name])}")
        check_value(name, value, where)
    return dict(settings)


def _check_like(name: str, value: Any, default: Any, where: str) -> None:
    """Raise ConfigError if the default is a number and the value is not, or the default is a bool and the value is not."""
    if isinstance(default, bool) and not isinstance(value, bool):
        raise ConfigError(f"{where}: {name} is {value!r}; expected true or false")
    number = isinstance(default, (int, float)) and not isinstance(default, bool)
    if number and (isinstance(value, (str, bool, dict)) or (value is None and name in RANGES)):
        raise ConfigError(f"{where}: {name} is {value!r}; expected a number, like the default {default!r}")


def _activation(name: str) -> Any:
    import torch

    return dict(zip(ACTIVATIONS, (torch.nn.Tanh, torch.nn.ReLU, torch.nn.ELU, torch.nn.LeakyReLU)))[name]


def _noise(kind: str, deviation: float, actions: int) -> Any:
    import numpy as np
    from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise

    zero, spread = np.zeros(actions), np.full(actions, deviation)
    return NormalActionNoise(zero, spread) if kind == "normal" else OrnsteinUhlenbeckActionNoise(zero, spread)
