"""Objects that several tests use."""

from __future__ import annotations

from pathlib import Path


def save_random_encoder(folder: Path, seed: int = 0, cameras: tuple[str, ...] = ("external",)) -> None:
    """Save an untrained encoder of 64x64 images, standardised on images of the simulator."""
    _save(folder, cameras, "random", seed=seed)


def save_estimating_encoder(folder: Path, cameras: tuple[str, ...] = ("external", "above")) -> None:
    """Save an encoder that estimates the target with its certainty, badly: it saw 100 images once."""
    _save(folder, cameras, "target_estimate", epochs=1)


def _save(folder: Path, cameras: tuple[str, ...], method: str, **settings: int) -> None:
    from rl_trainer_ros import factories
    from rl_trainer_ros.environments.make_env import make_robot_env
    from rl_trainer_ros.environments.transition_recording import record

    environment = make_robot_env(simulation={"cameras": cameras}, end_at_success=False)
    source = factories.dataset(**record(environment, cameras, 100, seed=0))
    environment.close()
    factories.train_encoder(source, factories.training_config(method, **settings), folder, pictures=False)


def save_new_autoencoder(folder: Path) -> None:
    """Save an autoencoder that has hardly learned: from 40 images of noise."""
    import numpy as np

    from rl_trainer_ros import factories

    images = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3), dtype=np.uint8)
    source = factories.dataset(images=images, ground_truth=np.zeros((40, 0)), names=())
    config = factories.training_config("autoencoder", epochs=1, feature_points=2)
    factories.train_encoder(source, config, folder, pictures=False)
