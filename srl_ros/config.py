"""How an encoder is trained; config/srl/default.yaml and config/srl/<method>.yaml hold the values that a user edits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_interface_ros.config import ConfigError, check_range, from_mapping, option, read_yaml, unknown_name
from srl_ros.cameras import GAZES
from srl_ros.methods import (
    KINDS,
    LARGEST_STATE,
    METHODS,
    ONE_PER_TRUTH,
    TWO_PER_TRUTH,
    Loss,
    encoded,
    parse_losses,
    split_size,
)

REWARD_LAWS = ("progress", "distance", "success")
"""How a reward depends on the place of a target (`srl_ros.reward_places`)."""


@dataclass(frozen=True)
class TrainingConfig:
    """Checked when it is made: a value that is not allowed is a ConfigError that lists the allowed ones."""

    method: str = option("autoencoder", "how the state is learned; see srl_ros/methods.py")
    losses: str = option("", "losses with weights and sizes, such as 'autoencoder:1 inverse:2'; empty: the method's")
    network: str = option("", "kind of network; empty: the method's", choices=("", *KINDS))
    state_dim: int = option(
        0, "values in a state; 0: the method's, or the network's own", minimum=0, maximum=LARGEST_STATE
    )
    feature_points: int = option(
        10, "points that the network follows in the image of each camera; x, y, size each", minimum=1, maximum=256
    )
    truth_names: tuple[str, ...] = option(
        ("target_x", "target_y", "target_z"), "ground truth that supervised learning estimates"
    )
    robot: str = option("", "robot in the images; empty: not known", path=True)
    gaze: str = option(
        "", "gaze of the eyes in the images; trainings with this encoder use the same", choices=("", *GAZES)
    )
    epochs: int = option(6, "passes over the training images", minimum=1, maximum=10_000)
    patience: int = option(
        10, "epochs without a better validation loss after which training ends", minimum=1, maximum=10_000
    )
    batch_size: int = option(32, "transitions in a gradient step", minimum=2, maximum=65_536)
    learning_rate: float = option(
        0.002, "Adam's highest step size; warmed up, then cosine to 0", minimum=1e-7, maximum=1.0
    )
    beta: float = option(0.001, "vae: weight of the KL divergence", minimum=0.0, maximum=1e6)
    reward_law: str = option(
        "progress",
        "reward_place: how the reward depends on the distance between hand and target. progress: on its change; distance: "
        "it is minus the distance; success: it is largest where the hand is at the target",
        choices=REWARD_LAWS,
    )
    reward_scale: float = option(
        10.0,
        "reward_place: reward for a metre of progress or of distance; as in the task's settings",
        minimum=1e-6,
        maximum=1e6,
    )
    reward_bonus: float = option(
        5.0,
        "reward_place: additional reward of a step at the target, for reward_law progress",
        minimum=0.0,
        maximum=1e6,
    )
    validation_share: float = option(0.2, "share of the episodes held out", minimum=0.01, maximum=0.9)
    seed: int = option(0, "seed of weights, split and order", minimum=0, maximum=2**31 - 1)
    torch_threads: int = option(
        1, "threads of training; with another number a seed gives other bits", minimum=1, maximum=256
    )
    device: str = option(
        "auto", "where training runs; auto: on a graphics card if there is one", choices=("auto", "cpu", "cuda")
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "losses", self.losses.strip())
        for field in dataclasses.fields(self):
            check_range(field.name, getattr(self, field.name), field.metadata["minimum"], field.metadata["maximum"])
        if self.method not in METHODS or METHODS[self.method].observation:
            raise ConfigError(unknown_name("method", self.method, encoded()))
        if self.network not in ("", *KINDS):
            raise ConfigError(unknown_name("network", self.network, KINDS))
        if self.reward_law not in REWARD_LAWS:
            raise ConfigError(unknown_name("reward_law", self.reward_law, REWARD_LAWS))
        if not self.truth_names or len(set(self.truth_names)) != len(self.truth_names):
            raise ConfigError(f"truth_names is {list(self.truth_names)}; expected one name or more, each once")
        size = split_size(self.all_losses)
        if size and self.state_dim not in (0, size):
            raise ConfigError(
                f"state_dim is {self.state_dim}, and the sizes of the losses add up to {size}; leave it out"
            )

    @property
    def all_losses(self) -> tuple[Loss, ...]:
        """The losses that are used."""
        method = METHODS[self.method]
        return parse_losses(self.losses or method.losses, method.own_losses)

    @property
    def kind(self) -> str:
        """The network that is used."""
        return self.network or METHODS[self.method].network

    @property
    def outputs(self) -> int:
        """Values in a state; 0: as many as the network has of its own."""
        if size := split_size(self.all_losses) or self.state_dim:
            return size
        dim = METHODS[self.method].state_dim
        return -dim * len(self.truth_names) if dim in (ONE_PER_TRUTH, TWO_PER_TRUTH) else dim

    @classmethod
    def load(cls, path: str | Path, **overrides: Any) -> TrainingConfig:
        """Read a YAML file; `overrides` win over it. Errors name the file, the setting and the known ones."""
        return from_mapping(cls, {**read_yaml(path), **overrides}, str(path))

    @classmethod
    def of_method(cls, folder: Path, method: str, **overrides: Any) -> TrainingConfig:
        """Read `folder`/default.yaml, then `folder`/<method>.yaml where there is one; `overrides` win over both."""
        if method not in METHODS or METHODS[method].observation:
            raise ConfigError(unknown_name("srl_model", method, encoded()))
        default, own = folder / "default.yaml", folder / f"{method}.yaml"
        values = {**read_yaml(default), **(read_yaml(own) if own.is_file() else {})}
        return from_mapping(cls, {**values, "method": method, **overrides}, str(own if own.is_file() else default))
