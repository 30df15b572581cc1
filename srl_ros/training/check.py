"""Whether a training can begin, found out before images are recorded for it."""

from __future__ import annotations

import numpy as np
import torch

from robot_interface_ros.config import ConfigError
from srl_ros.config import TrainingConfig
from srl_ros.dataset import Dataset
from srl_ros.networks import check_image_size
from srl_ros.objectives import Batch
from srl_ros.training.batches import facts_of, to_batch
from srl_ros.training.learner import Learner, LossError, check_source, needs_of
from srl_ros.training.loop import device_of

_IMAGES = 8


def check_training(config: TrainingConfig, cameras: tuple[str, ...], size: int = 64) -> None:
    """Raise ConfigError or DatasetError, one line, if no recording of these cameras could be trained on.

    `size`: width and height of the images, pixels.

    The networks and losses are made for images of noise that have all that a recording can have.
    """
    if len(set(cameras)) < len(cameras):
        raise ConfigError(f"cameras are {', '.join(cameras)}; name each once")
    try:
        check_image_size(size, size)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (_IMAGES, len(cameras), size, size, 3), dtype=np.uint8)
    truth = generator.normal(size=(_IMAGES, len(config.truth_names)))
    several, one = np.zeros((_IMAGES, 3), dtype=np.float32), np.arange(_IMAGES)
    source = Dataset(
        images=images,
        ground_truth=truth,
        names=config.truth_names,
        cameras=cameras,
        episode=one // 2,
        next_images=images,
        next_ground_truth=truth,
        action=several,
        action_probabilities=several,
        reward=one.astype(np.float32),
        terminated=one > one.mean(),
        hand=several.astype(np.float64),
        next_hand=several.astype(np.float64),
    )
    device_of(config.device)
    check_source(source, config)
    with torch.random.fork_rng(devices=[]):
        facts = facts_of(source, one, config, needs_of(config))
        learner = Learner(source, config, facts)
        if learner.has_own_losses:
            _try(learner, to_batch(source.gather(one), facts, torch.device("cpu")))


def _try(learner: Learner, batch: Batch) -> None:
    """Make a gradient step's parts once. Raises LossError."""
    loss = learner.loss(batch)
    learner.draw(batch)
    learner.predict_reward_class(batch)
    if not learner.trains:
        return
    if not loss.requires_grad:
        raise LossError(
            f"the losses ({', '.join(one.name for one in learner.losses)}) do not depend on what is trained; compute them from "
            "encoded.state with torch"
        )
    loss.backward()  # type: ignore[no-untyped-call]
