"""The settings of runs as texts: those that differ, and runs that differ only in their seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.environments.env_config import GROUND_TRUTH, settings_of
from rl_trainer_ros.environments.requirements import task_class
from rl_trainer_ros.training.resumed_settings import FREE
from rl_trainer_ros.training.trainer_config import SETTINGS, TrainerConfig
from robot_interface_ros.config import ConfigError

SEED, TASK, ALGO, ROBOTS = "seed", "task", "algo", "num_envs"
_NOT_LEARNED = {
    *(set(FREE) - {"num_timesteps", "srl_folder"}),
    *("log_dir", "namespaces", "best_by", "best_window", "best_min_episodes", "torch_threads", "load_model"),
    *(name for name in TrainerConfig.__dataclass_fields__ if name.startswith("checkpoint_")),
}
"""Settings that do not change what is learned, and those that `flat` tells in another way."""
_FIRST = ("algo", "preset", "srl_model", "observation", "action", "robot", "world", "imperfection")
_OF_RUNS = ("seed", "log_dir", "resume", "output", "teachers")
_LONGEST = 60
DEFAULT = "default"


def flat(config: TrainerConfig, others: Mapping[str, Any] = MappingProxyType({})) -> dict[str, str]:
    """Return the settings that change what a run learns, as texts; mappings by parts, such as `hyperparameters.gamma`.

    `others`: further sections of the run's `config.yaml`; of these, numbers and words are used, but neither paths nor the seed.
    `load_model` becomes the task, state and algorithm of the model: models of several seeds are the same setting.
    """
    found = {ROBOTS: str(len(config.namespaces))}
    implied = _implied(config)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in SETTINGS:
            part = field.name.removesuffix("_settings")
            for name, entry in settings_of(field.name, value).items():
                found[f"{part}.{name}"] = _text(entry)
        elif field.name not in _NOT_LEARNED:
            found[field.name] = "" if field.name in implied else _text(value)
    if config.load_model:
        parts = [part for part in PurePath(config.load_model).parts if part not in ("final", "best", "latest")]
        if "checkpoints" in parts:
            parts = parts[: parts.index("checkpoints")]
        found["load_model"] = "/".join(parts[-4:-1]) or config.load_model
    for section, values in others.items():
        for name, value in values.items() if isinstance(values, Mapping) else ():
            if isinstance(value, list):
                value = ", ".join(map(str, value))
            if isinstance(value, (str, int, float)) and "/" not in str(value) and name not in _OF_RUNS:
                found[f"{section}.{name}"] = _text(value)
    return found


def _implied(config: TrainerConfig) -> set[str]:
    """Return settings that name what an empty one means: a run with `action:=plane` learns as one without it."""
    defaults = {}
    with suppress(ConfigError):  # a task of a package that is not installed here
        task = task_class(config.task)
        defaults = {"action": task.action, "world": task.world}
    if config.srl_model == GROUND_TRUTH:
        defaults["observation"] = GROUND_TRUTH
    return {name for name, default in defaults.items() if getattr(config, name) == default}


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, float) and value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.6g}".replace("e-0", "e-").replace("e+0", "e")
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


_DEFAULTS = (
    {ROBOTS: "1"}
    | {field.name: _text(field.default) for field in dataclasses.fields(TrainerConfig)}
    | {f"distillation.{field.name}": _text(field.default) for field in dataclasses.fields(DistilConfig)}
)


def differing(runs: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the names of settings in which runs differ, the usual ones first; a setting that a run lacks has its default."""
    names = dict.fromkeys(name for run in runs for name in run)
    found = [name for name in names if len({run.get(name, "") for run in runs}) > 1]
    order = {name: i for i, name in enumerate((TASK, *_FIRST))}
    return sorted(found, key=lambda name: (order.get(name, len(order)), name == SEED, name))


def common(runs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the settings that all runs share and that are not empty."""
    first = runs[0] if runs else {}
    return {name: value for name, value in first.items() if value and all(run.get(name) == value for run in runs)}


def variant(run: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    """Return a run's values of `names`: runs with the same differ in their seeds only."""
    return tuple(run.get(name, "") for name in names)


def label(values: Sequence[str], names: Sequence[str]) -> str:
    """Return a variant in words, such as `sac, gamma 0.99`; `default` where every setting is at its default.

    Numbers at their default are left out: else a setting that one run has changed would fill the labels of all others.
    """
    words = []
    for name, value in zip(names, values):
        short = name.rpartition(".")[2]
        if value and (name in (ALGO, *_FIRST) or value != _DEFAULTS.get(name)):
            words.append(value if name in (ALGO, *_FIRST) else f"{short} {value}")
    text = ", ".join(words)
    return (text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…") or DEFAULT
