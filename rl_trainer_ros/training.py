"""A training run from configuration to saved model. No ROS here: environments come from `make_env`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gymnasium.wrappers import TimeLimit
from stable_baselines3.common.logger import configure
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rl_trainer_ros import algorithms, doors, model_files, run_folder
from rl_trainer_ros.environment import RobotEnv
from rl_trainer_ros.make_env import make_robot_env
from rl_trainer_ros.progress import ProgressCallback
from rl_trainer_ros.trainer_config import TrainerConfig
from robot_interface_ros.errors import RobotError, StopRequested

MakeEnv = Callable[[str], RobotEnv]
Report = Callable[[str], None]


@dataclass(frozen=True)
class TrainingResult:
    """Where a run's files are and how it ended."""

    folder: Path
    num_timesteps: int
    training_s: float
    ended: str
    """finished, stopped or failed."""
    error: RobotError | None = None


def train(
    config: TrainerConfig, make_env: MakeEnv, should_stop: Callable[[], bool] = lambda: False, report: Report = print
) -> TrainingResult:
    """Train and save; a stop or a robot that fails for good saves too.

    `make_env(namespace)` returns the environment of one robot; it is closed here.
    """
    hyperparameters = algorithms.hyperparameters(config.algo)
    kind = algorithms.algorithm_class(config.algo)
    environments: list[RobotEnv] = []
    torch.set_num_threads(config.torch_threads)
    try:
        for namespace in config.namespaces:
            environments.append(make_env(namespace))
        folder = run_folder.create(config, hyperparameters)
        report(f"run folder {folder}")
        return _train(config, kind, hyperparameters, environments, folder, should_stop, report)
    finally:
        for environment in environments:
            environment.close()


def _train(
    config: TrainerConfig,
    kind: Any,
    hyperparameters: dict[str, Any],
    environments: list[RobotEnv],
    folder: Path,
    should_stop: Callable[[], bool],
    report: Report,
) -> TrainingResult:
    set_random_seed(config.seed)
    vec_env = DummyVecEnv(
        [_timed(environment, folder / f"{i}" if i else folder) for i, environment in enumerate(environments)]
    )
    vec_env.seed(config.seed)
    statistics = VecNormalize(vec_env, gamma=hyperparameters.get("gamma", 0.99))
    algorithm = kind(
        "MlpPolicy", statistics, seed=config.seed, device="cpu", **algorithms.constructor_arguments(hyperparameters)
    )
    algorithm.set_logger(configure(str(folder), ["csv", "tensorboard"]))
    about = {
        "task": config.task,
        "robot": config.robot,
        "srl_model": config.srl_model,
        "algo": config.algo,
        "encoder": doors.load_encoder(config.encoder_folder).id if config.encoder_folder else None,
    }

    def save(link: str) -> None:
        model_files.save(folder, algorithm, statistics, about, link)

    progress = ProgressCallback(
        config.num_timesteps, config.log_interval_s, config.best_window, should_stop, save, report
    )
    ended, error = "finished", None
    begin = time.monotonic()
    try:
        algorithm.learn(config.num_timesteps, callback=progress)
        if should_stop():
            ended = "stopped"
    except StopRequested:
        ended = "stopped"
    except RobotError as robot_error:
        ended, error = "failed", robot_error
    training_s = time.monotonic() - begin
    progress.close()
    save("final")
    run_folder.write_json(
        folder / "result.json",
        {
            "ended": ended,
            "error": str(error) if error else None,
            "num_timesteps": algorithm.num_timesteps,
            "training_s": round(training_s, 1),
        },
    )
    algorithm.logger.close()
    report(f"{ended} after {algorithm.num_timesteps:,} steps and {training_s:.0f} s; model saved in {folder / 'final'}")
    return TrainingResult(folder, algorithm.num_timesteps, training_s, ended, error)


def _timed(environment: RobotEnv, folder: Path) -> Callable[[], Monitor]:
    """The environment with its clock and its monitor file, as DummyVecEnv wants it."""
    folder.mkdir(exist_ok=True)
    limited = TimeLimit(environment, environment.task.max_episode_steps)
    return lambda: Monitor(limited, str(folder / "monitor.csv"), info_keywords=("is_success", "distance"))


def env_settings(config: TrainerConfig) -> dict[str, Any]:
    """Return what `make_robot_env` needs of a run's configuration, but for the way to the robot."""
    return {
        "task": config.task,
        "robot": config.robot,
        "control_hz": config.control_hz,
        "srl_folder": config.encoder_folder or None,
    }


def in_process_env(config: TrainerConfig) -> RobotEnv:
    """Return the run's environment over a simulated robot in this process."""
    return make_robot_env(**env_settings(config))
