"""Make the callbacks that only observe a run: evaluations, and the plot of its learning curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.episodes import Evaluation
from rl_trainer_ros.training.callbacks.cross_evaluation import CrossEvaluationCallback
from rl_trainer_ros.training.callbacks.evaluation import EvaluationCallback
from rl_trainer_ros.training.cross_evaluation import tasks as evaluated_tasks
from rl_trainer_ros.training.curves.callback import CurvesCallback, run_title
from rl_trainer_ros.training.trainer_config import TrainerConfig

Observer = CurvesCallback | EvaluationCallback | CrossEvaluationCallback


def make_callbacks(
    config: TrainerConfig,
    run: Path,
    make_env: Callable[[], RobotEnv],
    report: Callable[[str], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Observer]:
    """Return the callbacks for a run's settings. `make_env`: makes the environment of evaluations.

    `should_stop`: True also ends an evaluation.
    """
    found: list[Observer] = []
    if config.eval_every_steps:
        found.append(
            EvaluationCallback(
                run,
                make_env,
                config.eval_every_steps,
                config.eval_episodes,
                config.num_timesteps,
                report,
                config.eval_video,
                should_stop,
            )
        )
    if config.cross_evaluate_every_steps:
        tasks = evaluated_tasks.during_training(config)
        found.append(
            CrossEvaluationCallback(
                run,
                {one.task: partial(make_environment, evaluated_tasks.environment_of(config, one)) for one in tasks},
                config.cross_evaluate_every_steps,
                config.cross_evaluate_episodes,
                config.num_timesteps,
                report,
                should_stop,
            )
        )
    found.append(CurvesCallback(run, config.best_window, run_title(config, run)))
    return found


def last_evaluation(found: Sequence[Observer]) -> Evaluation | None:
    """Return the last evaluation during the training; None before the first one."""
    return next((observer.last for observer in found if isinstance(observer, EvaluationCallback)), None)
