"""The launch arguments of a training system: its own, and every setting of the trainer; with their values, checked."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rl_trainer_ros.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError, from_mapping, option, read_yaml, unknown_name
from robot_interface_ros.description import resolve, share_directory

TRAINER = "trainer"  # the trainer's node, and its entry in a parameter file


class BringupError(ConfigError):
    """A launch argument that is unknown or not allowed; one line that lists what is."""


@dataclass(frozen=True)
class BringupConfig:
    """What is started beside the trainer, and how."""

    robot_source: str = option(
        "sim",
        "who serves the robots: the simulator, the driver on a mock board, or others",
        choices=("sim", "mock", "external"),
    )
    num_envs: int = option(1, "robots, in the namespaces /env_0, /env_1, ...", minimum=1, maximum=1000)
    max_restarts: int = option(
        3, "how often each simulator, driver or SRL node is started again when it dies", minimum=0, maximum=1_000_000
    )
    remote: bool = option(False, "find other machines of the ROS domain too; false: this machine alone")
    domain_id: int | None = option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)
    params_file: str = option("", "ROS parameter file of the trainer; empty: this package's config/trainer.yaml")


@dataclass(frozen=True)
class Argument:
    """One launch argument as launch declares it; what a parameter file may set as well has the empty default."""

    name: str
    default: str
    description: str


@dataclass(frozen=True)
class Values:
    """What the launch arguments come to."""

    bringup: BringupConfig
    trainer: TrainerConfig
    params_file: Path
    told: Mapping[str, Any]
    """The trainer's parameters that overrule the parameter file's."""


def arguments() -> tuple[Argument, ...]:
    """Every launch argument: the trainer's settings first, then what is about its surroundings."""
    rows = []
    for field in dataclasses.fields(TrainerConfig):
        fallback = f"; else params_file's, else {_default_text(field) or 'empty'}"
        rows.append(Argument(field.name, "", _description(field) + fallback))
    rows += [
        Argument(field.name, _default_text(field), _description(field)) for field in dataclasses.fields(BringupConfig)
    ]
    return tuple(rows)


def help_text() -> str:
    """One line for each launch argument: name, default, meaning and, where they are few, the allowed values."""
    fields = (*dataclasses.fields(TrainerConfig), *dataclasses.fields(BringupConfig))
    return "\n".join(f"  {f'{field.name}:={_default_text(field)}':<28}{_description(field)}" for field in fields)


def resolve_values(given: Mapping[str, str]) -> Values:
    """Values from name -> text; a setting is the text's, else the parameter file's, else the default. BringupError."""
    hints = {cls: typing.get_type_hints(cls) for cls in (BringupConfig, TrainerConfig)}
    known = [*hints[TrainerConfig], *hints[BringupConfig]]
    for name in given:
        if name not in known:
            raise BringupError(unknown_name("launch argument", name, known))
    typed = {
        cls: {name: _typed(hint, given[name]) for name, hint in named.items() if name in given}
        for cls, named in hints.items()
    }
    try:
        bringup = from_mapping(BringupConfig, typed[BringupConfig], "launch argument")
        params_file = resolve(bringup.params_file or share_directory() / "config" / "trainer.yaml")
        in_file = trainer_parameters(params_file)
        from_mapping(TrainerConfig, in_file, str(params_file))
        told = dict(typed[TrainerConfig])
        if "namespaces" not in told and ("namespaces" not in in_file or "num_envs" in given):
            told["namespaces"] = [f"/env_{i}" for i in range(bringup.num_envs)]
        trainer = from_mapping(TrainerConfig, in_file | told, "launch argument")
        _check_namespaces(trainer.namespaces)
    except (ValueError, OSError) as error:
        raise BringupError(str(error)) from None
    return Values(bringup, trainer, params_file, {name: getattr(trainer, name) for name in told})


def trainer_parameters(params_file: Path) -> dict[str, Any]:
    """What a ROS parameter file sets for the trainer; ConfigError if it is none or names no trainer."""
    found: dict[str, Any] = {}
    content = read_yaml(params_file)
    for node in ("/**", f"/{TRAINER}", TRAINER):
        entry = content.get(node)
        parameters = entry.get("ros__parameters") if isinstance(entry, dict) else None
        found |= parameters if isinstance(parameters, dict) else {}
    if not found:
        raise ConfigError(f"{params_file} sets nothing for the trainer: no '{TRAINER}:' with 'ros__parameters:' in it")
    return found


def _check_namespaces(names: tuple[str, ...]) -> None:
    if not names or len(set(names)) < len(names) or not all(name.startswith("/") for name in names):
        raise ConfigError(f"namespaces is [{', '.join(names)}]; expected one or more, each once and starting with /")


def _typed(hint: Any, text: str) -> Any:
    """Text as YAML reads it, 1e-3 as the number it is; what cannot be read stays text, to be refused."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if str in kinds:
        return text
    try:
        return float(text) if float in kinds else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return text


def _description(field: dataclasses.Field[Any]) -> str:
    choices = field.metadata["choices"]
    return field.metadata["description"] + (f" ({' | '.join(choices)})" if choices else "")


def _default_text(field: dataclasses.Field[Any]) -> str:
    """A field's default as it is typed on a command line; empty for None and the empty text."""
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    if default is None or isinstance(default, str):
        return default or ""
    return yaml.safe_dump(default, default_flow_style=True).removesuffix("\n").removesuffix("\n...")
