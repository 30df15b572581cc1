"""Values that hyper-parameters may have.

The learners do not check most of them. With other values they fail in the middle of a training, never end, or learn nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot_interface_ros.config import LARGEST, ConfigError, as_number
from robot_interface_ros.files.checked_values import shown

SCHEDULE, END = "learning_rate_schedule", "learning_rate_end_share"
_NO_END = math.inf
_WHOLE = {
    **dict.fromkeys(("n_steps", "batch_size", "n_epochs", "buffer_size", "n_sampled_goal"), (1, _NO_END)),
    **dict.fromkeys(("target_update_interval", "policy_delay", "stats_window_size"), (1, _NO_END)),
    **dict.fromkeys(("cg_max_steps", "line_search_max_iter", "n_critic_updates", "sub_sampling_factor"), (1, _NO_END)),
    **dict.fromkeys(("n_top", "n_eval_episodes", "gradient_steps"), (1, _NO_END)),
    "learning_starts": (0, _NO_END),
    "image_shift": (0, 32),  # of drq
    "sde_sample_freq": (-1, _NO_END),
    "latent_dim": (1, 4096),  # of drq
    "n_delta": (1, 100_000),
    "population": (2, 100_000),
    "top_quantiles_to_drop_per_net": (0, 24),  # of sb3-contrib's 25
}
_REAL = {
    **dict.fromkeys(("gamma", "gae_lambda", "exploration_fraction", END), (0.0, 1.0)),
    **dict.fromkeys(("exploration_initial_eps", "exploration_final_eps"), (0.0, 1.0)),
    **dict.fromkeys(("vf_coef", "action_noise_std", "cg_damping", "rms_prop_eps"), (0.0, _NO_END)),
    **dict.fromkeys(("target_policy_noise", "target_noise_clip"), (0.0, _NO_END)),
    "log_std_init": (-20.0, 20.0),  # its exponential is the deviation
}
_ABOVE_ZERO = {  # with 0 nothing is learned, or something is divided by it
    **dict.fromkeys(
        ("max_grad_norm", "clip_range", "clip_range_vf", "target_kl", "delta_std", "sigma"), (0.0, _NO_END)
    ),
    **dict.fromkeys(("tau", "line_search_shrinking_factor"), (0.0, 1.0)),
}
RANGES: Mapping[str, tuple[float, float]] = {**_WHOLE, **_REAL, **_ABOVE_ZERO}
"""Name -> lowest and highest value."""
_OPTIONAL = ("clip_range_vf", "target_kl", "max_grad_norm", "n_top")
"""Those of RANGES that may be null, if that is the default of the algorithm: without a limit."""
_MINUS_ONE = ("gradient_steps",)
"""Those of RANGES that may also be -1, which has a meaning of its own."""
_FREQUENCY, _UNITS = "train_freq", ("step", "episode")
MOST_NEURONS, MOST_LAYERS = 16_384, 64


def as_number_of(name: object, value: Any) -> Any:
    """Return a value as a number, if it is one (also the text 1e5), as an integer where needed; others unchanged."""
    number = as_number(value)
    if number is None:
        return value
    return int(number) if (name in _WHOLE or name == _FREQUENCY) and number.is_integer() else number


def check_value(name: str, value: Any, where: str | Path) -> None:
    """Raise ConfigError, in one line, unless the value is one that this hyper-parameter may have."""
    if name == "learning_rate" and not (type(value) in (int, float) and 0.0 < value < 10.0):
        falls = isinstance(value, str) and value.startswith("lin_")  # as rl-baselines3-zoo writes it
        more = f"; {SCHEDULE}: linear and {END}: 0 let it fall to 0" if falls else ""
        raise ConfigError(f"{where}: learning_rate is {shown(value)}; expected a number above 0 (write 1.0e-3){more}")
    if name in RANGES and not (value is None and name in _OPTIONAL):
        _check_number(name, value, where)
    if name == _FREQUENCY:
        _check_frequency(value, where)
    elif name == "net_arch":
        _check_sizes(value, where)
    elif not _plain(value):
        raise ConfigError(f"{where}: {name} is {shown(value)}; expected a number, a text, or a short list of these")


def check_layers(value: Any, kind: Any, where: str | Path) -> None:
    """Raise ConfigError if `net_arch` has layers for other networks than those of the class `kind`, which ignores them."""
    from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

    if not isinstance(value, Mapping):
        return
    for base, names in ((OnPolicyAlgorithm, {"pi", "vf"}), (OffPolicyAlgorithm, {"pi", "qf"})):
        if issubclass(kind, base) and set(value) != names:
            lists = ", ".join(f"{name}: [64, 64]" for name in sorted(names))
            raise ConfigError(f"{where}: net_arch is {shown(value)}; expected layers for each network: {{{lists}}}")


def _check_number(name: str, value: Any, where: str | Path) -> None:
    low, high = RANGES[name]
    kinds, text = ((int,), "a whole number") if name in _WHOLE else ((int, float), "a number")
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if number and low <= value <= high and not (name in _ABOVE_ZERO and value == low):
        return
    if name in _MINUS_ONE and type(value) is int and value == -1:
        return
    if name in _ABOVE_ZERO:
        span = "above 0" if high == _NO_END else f"above 0, at most {high:g}"
    else:
        span = f"{low:g} or more" if high == _NO_END else f"from {low:g} to {high:g}"
    also = ", or -1" if name in _MINUS_ONE else ""
    raise ConfigError(f"{where}: {name} is {shown(value)}; expected {text}, {span}{also}")


def _check_frequency(value: Any, where: str | Path) -> None:
    number, unit = value if isinstance(value, list) and len(value) == 2 else (value, _UNITS[0])
    if type(number) is not int or number < 1 or unit not in _UNITS:
        raise ConfigError(
            f"{where}: {_FREQUENCY} is {shown(value)}; expected a whole number of steps, 1 or more, or [1, episode]"
        )


def _check_sizes(value: Any, where: str | Path, networks: bool = True) -> None:
    """Raise ConfigError unless the value is a list of layers, or a mapping of lists for each network."""
    if networks and isinstance(value, Mapping):
        for part in value.values():
            _check_sizes(part, where, networks=False)
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
