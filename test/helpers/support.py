"""Things that several tests make."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def save_random_encoder(folder: Path, seed: int = 0) -> None:
    """Save an untrained encoder of 64x64 images, standardised on images of the simulator."""
    from rl_trainer_ros import factories
    from rl_trainer_ros.cli.commands.train_srl import record
    from rl_trainer_ros.environments.make_env import make_robot_env

    environment = make_robot_env(simulation={"cameras": ("external",)}, end_at_success=False)
    images, targets = record(environment, 100, seed=0)
    environment.close()
    factories.train_encoder(
        "random", images, np.asarray(targets), ("target_x", "target_y", "target_z"), folder, seed=seed
    )
