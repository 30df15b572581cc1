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

from rl_trainer_ros.algorithms.registry import algorithm
from rl_trainer_ros.algorithms.schedules import END_SHARE, SCHEDULES
from robot_interface_ros.config import LARGEST, ConfigError, as_number, read_yaml, unknown_name
from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.files.description import share_directory

DEFAULT, KINDS = "default", ("vector", "pixels", "goal")
SCHEDULE, END = "learning_rate_schedule", "learning_rate_end_share"
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
RANGES = {
    **dict.fromkeys(("gamma", "gae_lambda", "tau", "exploration_fraction", END), (0.0, 1.0)),
    **dict.fromkeys(("exploration_initial_eps", "exploration_final_eps"), (0.0, 1.0)),
    **dict.fromkeys(("vf_coef", "max_grad_norm", "action_noise_std", "learning_starts"), (0.0, math.inf)),
    **dict.fromkeys(("clip_range", "clip_range_vf", "target_kl"), (0.0, math.inf)),
    **dict.fromkeys(("n_steps", "batch_size", "n_epochs", "buffer_size", "n_sampled_goal"), (1, math.inf)),
}
"""Ranges that the learners do not check. Outside of them they fail during training, or learn NaN."""
OPTIONAL = ("clip_range_vf", "target_kl")
"""Those of RANGES that may be null: without a limit."""
WHOLE = ("n_steps", "batch_size", "n_epochs", "buffer_size", "n_sampled_goal", "learning_starts")
COUNTS = (
    *("gradient_steps", "train_freq", "target_update_interval", "policy_delay", "sde_sample_freq", "stats_window_size"),
    *("n_delta", "n_top", "n_eval_episodes", "population", "cg_max_steps", "line_search_max_iter", "n_critic_updates"),
    *("sub_sampling_factor", "top_quantiles_to_drop_per_net", "image_shift", "latent_dim"),
)
"""Further whole numbers; the learners check their ranges."""
MOST_NEURONS, MOST_LAYERS = 16_384, 64
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
            taken = {entry: parameter.default for entry, parameter in parameters.items()} | taken
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
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


def steps_each(rollout: int, n_envs: int, batch_size: int) -> int:
    """Return the number of steps per robot that is closest to `rollout / n_envs` and fills whole batches."""
    multiple = batch_size // math.gcd(batch_size, n_envs)
    return max(1, round(rollout / n_envs / multiple)) * multiple


def _checked(settings: Any, known: list[str], where: str | Path) -> dict[str, Any]:
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{where}: expected a mapping of hyperparameters, got {shown(settings)}")
    choices = {SCHEDULE: SCHEDULES, "activation": ACTIVATIONS, "action_noise": ACTION_NOISES}
    settings = {name: _number(name, value) for name, value in settings.items()}
    for name, value in settings.items():
        if name not in known:
            raise ConfigError(f"{where}: {unknown_name('hyperparameter', name, known)}")
        if name in choices and (not isinstance(value, str) or value not in choices[name]):
            raise ConfigError(f"{where}: {unknown_name(name, value, choices[name])}")
        if name == "learning_rate" and not (type(value) in (int, float) and 0.0 < value < 10.0):
            falls = isinstance(value, str) and value.startswith("lin_")  # as rl-baselines3-zoo writes it
            more = f"; {SCHEDULE}: linear and {END}: 0 let it fall to 0" if falls else ""
            raise ConfigError(
                f"{where}: learning_rate is {shown(value)}; expected a number above 0 (write 1.0e-3){more}"
            )
        if name in RANGES and not (value is None and name in OPTIONAL):
            _check_number(name, value, where)
        if name == "net_arch":
            _check_layers(value, where)
        elif not _plain(value):
            raise ConfigError(f"{where}: {name} is {shown(value)}; expected a number, a text, or a short list of these")
    return dict(settings)


def _number(name: object, value: Any) -> Any:
    """Return a value as a number, if it is one (also the text 1e5), as an integer where needed; others unchanged."""
    number = as_number(value)
    if number is None:
        return value
    return int(number) if name in (*WHOLE, *COUNTS) and number.is_integer() else number


def _check_number(name: str, value: Any, where: str | Path) -> None:
    """Raise ConfigError unless the value is a number within RANGES."""
    low, high = RANGES[name]
    kind, text = (int, "a whole number") if name in WHOLE else ((int, float), "a number")
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        span = f"{low:g} or more" if high == math.inf else f"from {low:g} to {high:g}"
        raise ConfigError(f"{where}: {name} is {shown(value)}; expected {text}, {span}")


def _check_layers(value: Any, where: str | Path, networks: bool = True) -> None:
    """Raise ConfigError unless the value is a list of layers, or a mapping of lists for each network."""
    if networks and isinstance(value, Mapping):
        for part in value.values():
            _check_layers(part, where, networks=False)
        return
    sizes = value if isinstance(value, list) and len(value) <= MOST_LAYERS else [None]
    if not all(isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= MOST_NEURONS for size in sizes):
        raise ConfigError(
            f"{where}: net_arch is {shown(value)}; expected a number for each hidden layer, such as [64, 64], at most "
            f"{MOST_NEURONS:,} each"
        )


def _plain(value: Any) -> bool:
    """Return whether a value is a finite number, a short text, None, or a short list of these."""
    if isinstance(value, list):
        return len(value) <= MOST_LAYERS and all(not isinstance(part, list) and _plain(part) for part in value)
    if isinstance(value, (int, float)):
        return abs(value) <= LARGEST
    return value is None or (isinstance(value, str) and len(value) <= 200)


def _check_like(name: str, value: Any, default: Any, where: str) -> None:
    """Raise ConfigError if the default is a number and the value is not, or the default is a bool and the value is not."""
    if isinstance(default, bool) and not isinstance(value, bool):
        raise ConfigError(f"{where}: {name} is {value!r}; expected true or false")
    number = isinstance(default, (int, float)) and not isinstance(default, bool)
    if number and isinstance(value, (str, bool, dict)):
        raise ConfigError(f"{where}: {name} is {value!r}; expected a number, like the default {default!r}")


def _activation(name: str) -> Any:
    import torch

    return dict(zip(ACTIVATIONS, (torch.nn.Tanh, torch.nn.ReLU, torch.nn.ELU, torch.nn.LeakyReLU)))[name]


def _noise(kind: str, deviation: float, actions: int) -> Any:
    import numpy as np
    from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise

    zero, spread = np.zeros(actions), np.full(actions, deviation)
    return NormalActionNoise(zero, spread) if kind == "normal" else OrnsteinUhlenbeckActionNoise(zero, spread)
