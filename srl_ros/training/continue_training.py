"""The process in which an encoder continues to learn while a policy is trained on it.

`python -m srl_ros.training.continue_training REQUEST`; REQUEST is a `Request` as JSON. It ends when its parent is gone.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_interface_ros.config import ConfigError, from_mapping
from srl_ros.config import TrainingConfig
from srl_ros.dataset import Dataset
from srl_ros.encoder import Encoder, EncoderError
from srl_ros.training.learner import needs_of
from srl_ros.training.loop import MIN_IMAGES, TrainingError, train
from srl_ros.transitions import DatasetError

RATE_SHARE = 0.5
"""Learning rate, as a share of that of the encoder's first training."""


@dataclass(frozen=True)
class Request:
    """One training."""

    encoder: str
    """Folder of the encoder to start with."""
    images: tuple[str, ...]
    """Files of images, as `srl_ros.dataset.Dataset` saves them."""
    to: str
    """Folder of the result."""
    seed: int
    epochs: int


def config_of(encoder: Encoder, seed: int = 0, epochs: int = 1) -> TrainingConfig:
    """Return the settings with which an encoder continues to learn. Raises ConfigError if it cannot learn from images alone."""
    own = {name: value for name, value in encoder.config.items() if name not in ("seed", "epochs", "device")}
    config = from_mapping(TrainingConfig, {**own, "seed": seed, "epochs": epochs, "device": "cpu"}, "encoder.json")
    if not config.all_losses or any(loss.name == "pca" for loss in config.all_losses):
        raise ConfigError(f"srl_model {encoder.method} is not trained by gradients, so it cannot continue to learn")
    needs = needs_of(config)
    if needs:
        raise ConfigError(
            f"srl_model {encoder.method} learns from {', '.join(sorted(needs))}, and an encoder that learns during a training "
            "sees images alone; use autoencoder, dae, vae, curl or another that needs only images"
        )
    return dataclasses.replace(config, learning_rate=config.learning_rate * RATE_SHARE)


def run(request: Request) -> None:
    """Train and save."""
    config = config_of(Encoder.load(request.encoder), request.seed, request.epochs)
    parts = [Dataset.load(path) for path in request.images]
    begins = np.cumsum([0, *(int(part.episodes.max()) + 1 for part in parts)])
    source = dataclasses.replace(
        parts[0],
        images=np.concatenate([part.images for part in parts]),
        ground_truth=np.concatenate([part.ground_truth for part in parts]),
        episode=np.concatenate([part.episodes + begin for part, begin in zip(parts, begins)]),
    )
    if len(source) < MIN_IMAGES:
        raise DatasetError(f"{len(source)} images are too few to learn from; at least {MIN_IMAGES} are needed")
    parent = os.getppid()

    def report(line: str) -> None:
        print(line, flush=True)
        if os.getppid() != parent:
            sys.exit("the training of the policy has ended")

    train(source, config, Path(request.to), report, pictures=False, start=Path(request.encoder))


def main() -> int:
    """Entry point; returns the exit code."""
    values = json.loads(sys.argv[1])
    try:
        run(Request(**{**values, "images": tuple(values["images"])}))
    except (ConfigError, EncoderError, DatasetError, TrainingError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
