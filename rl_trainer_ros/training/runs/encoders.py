"""The encoders of a run whose encoder learns: `<run>/encoders/<id>/`, one for each that its policy has acted on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_trainer_ros.training.trainer_config import TrainerConfig

ENCODERS = "encoders"


def with_encoder(config: TrainerConfig, run: Path, about: Mapping[str, Any]) -> TrainerConfig:
    """Return a run's settings with the encoder that the policy of a checkpoint acts on; `about`: of the checkpoint."""
    name = about.get("encoder")
    if not config.srl_learns or not isinstance(name, str) or Path(name).name != name:
        return config
    folder = run / ENCODERS / name
    return dataclasses.replace(config, srl_folder=str(folder)) if (folder / "encoder.json").is_file() else config
