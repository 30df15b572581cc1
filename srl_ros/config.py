"""How an encoder is trained; config/srl/<method>.yaml holds the values that a user edits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_interface_ros.config import ConfigError, check_range, from_mapping, option, read_yaml, unknown_name
from srl_ros.methods import METHODS


@dataclass(frozen=True)
class TrainingConfig:
    """Checked when it is made: a value that is not allowed is a ConfigError that says what is."""

    method: str = option("autoencoder", "how the state is learned", choices=METHODS)
    feature_points: int = option(
        10, "points in the image that the network follows; x, y, size each", minimum=1, maximum=256
    )
    truth_names: tuple[str, ...] = option(
        ("target_x", "target_y", "target_z"), "ground truth that supervised learning estimates"
    )
    epochs: int = option(6, "passes over the training images", minimum=1, maximum=10_000)
    batch_size: int = option(32, "images in a gradient step", minimum=1, maximum=65_536)
    learning_rate: float = option(
        0.002, "Adam's highest step size; warmed up, then cosine to 0", minimum=1e-7, maximum=1.0
    )
    validation_share: float = option(0.2, "share of the images held out", minimum=0.01, maximum=0.9)
    seed: int = option(0, "seed of weights, split and order", minimum=0, maximum=2**31 - 1)
    torch_threads: int = option(1, "threads of training; part of what a seed repeats", minimum=1, maximum=256)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_range(field.name, getattr(self, field.name), field.metadata["minimum"], field.metadata["maximum"])
        if self.method not in METHODS:
            raise ConfigError(unknown_name("method", self.method, METHODS))
        if not self.truth_names or len(set(self.truth_names)) != len(self.truth_names):
            raise ConfigError(f"truth_names is {list(self.truth_names)}; expected one name or more, each once")

    @classmethod
    def load(cls, path: str | Path, **overrides: Any) -> TrainingConfig:
        """Read a YAML file; `overrides` win over it. Errors name the file, the setting and what is known."""
        return from_mapping(cls, {**read_yaml(path), **overrides}, str(path))
