"""Objects that several tests use."""

from __future__ import annotations

from pathlib import Path


def save_random_encoder(folder: Path, seed: int = 0, cameras: tuple[str, ...] = ("external",)) -> None:
    """Save an untrained encoder of 64x64 images, standardised on images of the simulator."""
    from rl_trainer_ros import factories
    from rl_trainer_ros.environments.make_env import make_robot_env
    from rl_trainer_ros.environments.transition_recording import record

    environment = make_robot_env(simulation={"cameras": cameras}, end_at_success=False)
    source = factories.dataset(**record(environment, cameras, 100, seed=0))
    environment.close()
    factories.train_encoder(source, factories.training_config("random", seed=seed), folder, pictures=False)
