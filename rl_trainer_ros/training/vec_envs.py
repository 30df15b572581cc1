"""Choice of a run's vectorised environment: one process or several, over topics or in process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize, VecTransposeImage

from rl_trainer_ros.algorithms.learner import observation_kind
from rl_trainer_ros.environments.env_config import RAW_PIXELS, SRL_STATE
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.frame_stack import limited
from rl_trainer_ros.environments.vectorised.absence import PresentMeanStd
from rl_trainer_ros.environments.vectorised.fibers import Fibers
from rl_trainer_ros.environments.vectorised.process_vec_env import ProcessVecEnv
from rl_trainer_ros.environments.vectorised.robot_vec_env import RobotVecEnv
from rl_trainer_ros.environments.vectorised.statistics import RowMeanStd, replace_statistics
from rl_trainer_ros.training.runs import logs
from rl_trainer_ros.training.runs.run_tables import first_moment
from rl_trainer_ros.training.trainer_config import TrainerConfig

MakeOne = Callable[[], RobotEnv]


def in_processes(config: TrainerConfig) -> bool:
    """Return whether other processes are faster, as measured in docs/performance.md.

    A step of the simulation alone takes as long as a message to another process and back; a camera image takes longer.
    """
    return (
        config.transport == "in_process" and len(config.namespaces) > 1 and config.observed in (RAW_PIXELS, SRL_STATE)
    )


def over_robots(
    environments: Sequence[RobotEnv], folder: Path, names: Sequence[str], fibers: Fibers | None = None
) -> VecEnv:
    """Vectorise environments of this process. With `fibers` the robots step at the same time, otherwise one by one."""
    wrapped = [monitored(environment, path) for environment, path in zip(environments, _folders(folder, len(names)))]
    if fibers is not None and len(wrapped) > 1:
        return RobotVecEnv(wrapped, fibers, names=names)
    return DummyVecEnv([partial(_itself, environment) for environment in wrapped])


def over_processes(make_one: MakeOne, folder: Path, n: int) -> VecEnv:
    """Vectorise environments in other processes; `make_one` is called there and must be picklable."""
    return ProcessVecEnv([partial(_make_monitored, make_one, path) for path in _folders(folder, n)])


def normalised(vec_env: VecEnv, gamma: float) -> VecNormalize:
    """Add the normalisation of rewards, and of observations other than pixels. The channels of pixels are moved first.

    stable-baselines3 would move the channels outside of the normalisation, but off-policy learners store the observations
    from inside.
    """
    pixels = observation_kind(vec_env.observation_space) == "pixels"
    inner = VecTransposeImage(vec_env) if pixels else vec_env
    statistics = VecNormalize(inner, gamma=gamma, norm_obs=not pixels)
    present = vec_env.present if isinstance(vec_env, RobotVecEnv) else None
    replace_statistics(statistics, RowMeanStd if present is None else partial(PresentMeanStd, present))
    return statistics


def monitored(environment: RobotEnv, folder: Path) -> Monitor:
    """Return the environment with its time limit and a monitor file in `folder`; an existing file is continued."""
    folder.mkdir(exist_ok=True)
    path = folder / logs.MONITOR
    began = first_moment(path)
    keywords = ("is_success", "distance")
    monitor = Monitor(limited(environment), str(path), info_keywords=keywords, override_existing=began is None)
    if began is not None:
        monitor.t_start = began
    monitor.results_writer = logs.TolerantRows(monitor.results_writer, print)  # type: ignore[assignment]
    return monitor


def _make_monitored(make_one: MakeOne, folder: Path) -> Monitor:
    return monitored(make_one(), folder)


def _folders(folder: Path, n: int) -> list[Path]:
    """Return the folders of the monitor files: the run's for the first robot, 1, 2, ... in it for the others."""
    return [folder / f"{i}" if i else folder for i in range(n)]


def _itself(environment: Any) -> Any:
    return environment
