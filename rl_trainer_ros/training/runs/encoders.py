"""The encoder of a run. If it learns: `<run>/encoders/<id>/`, one for each that the policy has acted on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_trainer_ros import factories
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.paths import expanded

ENCODERS = "encoders"
_FILE = "encoder.json"
_RUNS = 3  # a run is <log_dir>/<task>/<state>/<algo>/<time>


def check_method(config: TrainerConfig) -> None:
    """Raise ConfigError, one line, if the encoder of the settings was made by another method than `srl_model`."""
    made_by = factories.method_of(config.encoder_folder) if config.encoder_folder else ""
    if made_by and made_by != config.srl_model:
        raise ConfigError(
            f"srl_model is {config.srl_model}, but the encoder in {config.encoder_folder} was made by {made_by}; use "
            f"srl_model:={made_by} for it, or name another folder"
        )


def unlike(config: TrainerConfig) -> str:
    """Return a line if the encoder's images show another robot than that of the settings; empty if not, or not known."""
    shown = factories.encoder_robot(config.encoder_folder) if config.encoder_folder else ""
    if not shown or Path(shown).stem == Path(config.robot).stem:
        return ""
    train = command_line("train_srl", f"srl_model:={config.srl_model}", f"robot:={config.robot}")
    return (
        f"the encoder in {config.encoder_folder} was trained on images of {shown}, and the robot is {config.robot}; if its "
        f"images differ, its states say little: {train}"
    )


def with_encoder(config: TrainerConfig, run: Path, about: Mapping[str, Any]) -> TrainerConfig:
    """Return a run's settings with the encoder that the policy of a checkpoint acts on; `about`: of the checkpoint."""
    name = about.get("encoder")
    if not config.srl_learns or not isinstance(name, str) or Path(name).name != name:
        return config
    folder = run / ENCODERS / name
    return dataclasses.replace(config, srl_folder=str(folder)) if (folder / _FILE).is_file() else config


def beside(config: TrainerConfig, run: Path) -> TrainerConfig:
    """Return a run's settings with the encoder that lies beside the run as it did at its start, if one is there.

    The folders in the settings are relative to the folder in which the training began; a run may be used from any other.
    """
    places = run.resolve().parents
    if not config.encoder_folder or len(places) <= _RUNS:
        return config
    log_dir = places[_RUNS]
    if not config.srl_folder:
        own = log_dir / "srl" / config.srl_model
    else:
        began_in = log_dir.joinpath(*(".." for _ in Path(config.log_dir).parts)).resolve()
        if (began_in / config.log_dir).resolve() != log_dir:
            return config
        own = began_in / expanded(config.srl_folder)
    if not (own / _FILE).is_file() or own.resolve() == expanded(config.encoder_folder).resolve():
        return config
    return dataclasses.replace(config, srl_folder=str(own))
