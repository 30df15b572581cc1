"""`rl_trainer train_srl`: record images off the simulator, train an encoder on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.shown_progress import Progress
from rl_trainer_ros.environments.env_config import CAMERA, GROUND_TRUTH, EnvConfig
from rl_trainer_ros.training.trainer_config import SRL_MODELS
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import option
from robot_interface_ros.start import leaving_at_once

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rl_trainer_ros.environments.environment import RobotEnv

EPISODE_STEPS, STRIDE = 40, 8
"""Every STRIDE-th image is kept: neighbours differ too little to teach anything."""


@dataclass(frozen=True)
class TrainSrlOptions:
    """Arguments of `rl_trainer train_srl`."""

    srl_model: str = option(
        "autoencoder",
        "what to train; see config/srl/",
        choices=tuple(model for model in SRL_MODELS if model != GROUND_TRUTH),
    )
    robot: str = option("inmoov", "robot to take images of", path=True)
    images: int = option(10_000, "images to record in the simulator", minimum=100, maximum=1_000_000)
    imperfection: str = option(
        "", "what is imperfect about it: a name in config/imperfections/, or a .yaml file", path=True
    )
    seed: int = option(0, "seed of recording and training", minimum=0, maximum=2**31 - 1)
    log_dir: str = option("runs", "the model goes to <log_dir>/srl/<srl_model>", path=True)


def record(
    environment: RobotEnv, images: int, seed: int, report: Callable[[int], None] = lambda done: None
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return `(images, height, width, 3)` uint8 rgb and the target's position in each, `(images, 3)` m.

    Episodes are in turn scripted with noise, which shows the hand near its target, and random. `report(done)` is called
    after each episode.
    """
    import numpy as np

    from rl_trainer_ros.arm.scripted import ScriptedReach

    generator = np.random.default_rng(seed)
    scripted = ScriptedReach(environment.arm, environment.task.period_s)
    pictures: list[NDArray[np.uint8]] = []
    targets: list[NDArray[np.float64]] = []
    episode = 0
    while len(pictures) < images:
        environment.reset(seed=seed if episode == 0 else None)
        drift = generator.uniform(-1.0, 1.0, environment.action_space.shape)
        for step in range(EPISODE_STEPS):
            if step % STRIDE == STRIDE - 1:
                pictures.append(environment.step_state.observation.images[CAMERA])
                targets.append(environment.step_state.observation.target_position)
            wanted = scripted.act(environment.step_state) if episode % 2 == 0 else drift
            noise = generator.normal(0.0, 0.4, environment.action_space.shape)
            environment.step(np.clip(wanted + noise, -1.0, 1.0).astype(np.float32))
        episode += 1
        report(min(len(pictures), images))
    return np.array(pictures[:images]), np.array(targets[:images])


def record_and_train(options: TrainSrlOptions) -> int:
    """Record, train, save in `<log_dir>/srl/<srl_model>` and say what comes next."""
    with leaving_at_once():
        from rl_trainer_ros import factories
        from rl_trainer_ros.environments.make_env import Connection, make_environment

    folder = Path(options.log_dir) / "srl" / options.srl_model
    config = EnvConfig(robot=options.robot, imperfection=options.imperfection, task_settings={"end_at_success": False})
    environment = make_environment(config, Connection(simulation={"cameras": (CAMERA,)}))
    try:
        images, targets = record(environment, options.images, options.seed, Progress("image", options.images).show)
    finally:
        environment.close()
    print(f"recorded {len(images):,} images of {images.shape[2]}x{images.shape[1]} pixels", flush=True)
    factories.train_encoder(
        options.srl_model, images, targets, ("target_x", "target_y", "target_z"), folder, options.seed
    )
    print(f"encoder saved in {folder}; train with it: {_next(options)}", flush=True)
    return 0


def _next(options: TrainSrlOptions) -> str:
    """The command line that trains a policy with this encoder."""
    defaults = TrainSrlOptions()
    same = ("robot", "imperfection", "log_dir")
    more = [f"{name}:={getattr(options, name)}" for name in same if getattr(options, name) != getattr(defaults, name)]
    return command_line("train", f"srl_model:={options.srl_model}", *more)


COMMAND = Command(
    "train_srl",
    "train an image encoder on images recorded off the simulator",
    run=record_and_train,
    options=TrainSrlOptions,
    examples=("rl_trainer train_srl srl_model:=autoencoder",),
)
