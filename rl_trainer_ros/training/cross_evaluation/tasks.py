"""The tasks of a cross-evaluation, and the environment of a run on each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from rl_trainer_ros import factories
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.make_env import parts
from rl_trainer_ros.environments.requirements import task_class
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.command_lines import listed
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot_config import robot_config


@dataclass(frozen=True)
class EvaluatedTask:
    """A task with its robot, world and imperfection; the fields are settings of the same names."""

    task: str
    task_settings: str = ""
    robot: str = "inmoov"
    world: str = ""
    imperfection: str = ""


_DEFAULTS = EvaluatedTask("")


def of_run(config: TrainerConfig) -> EvaluatedTask:
    """Return the task of a run."""
    settings = config.settings("task")
    text = yaml.safe_dump(settings, default_flow_style=True, width=10_000).strip() if settings else ""
    return EvaluatedTask(config.task, text, config.robot, config.world, config.imperfection)


def evaluated(
    runs: Sequence[TrainerConfig],
    tasks: Sequence[str] = (),
    robots: Sequence[str] = (),
    imperfections: Sequence[str] = (),
) -> list[EvaluatedTask]:
    """Return the tasks on which runs are evaluated, each once: the named ones, or those of the runs.

    A named task has the settings and the world of the runs that learned it, otherwise its defaults. Named robots and
    imperfections replace those of the runs; every task is combined with each. Raises ConfigError for an unknown name.
    """
    for robot in robots:
        robot_config(robot)
    for imperfection in imperfections:
        factories.check_imperfection(imperfection)
    own = [of_run(config) for config in runs]
    if tasks:
        default = own[0].robot if own else _DEFAULTS.robot
        chosen: list[EvaluatedTask] = []
        for name in tasks:
            task_class(name)
            learned = [one for one in own if one.task == name]
            chosen += learned or [EvaluatedTask(name, robot=default)]
    else:
        chosen = own
    for setting, values in (("robot", robots), ("imperfection", imperfections)):
        if values:
            chosen = [dataclasses.replace(one, **{setting: value}) for one in chosen for value in values]
    return list(dict.fromkeys(chosen))


def during_training(config: TrainerConfig) -> list[EvaluatedTask]:
    """Return the tasks of `cross_evaluate_tasks`. Raises ConfigError for an unknown one."""
    tasks = listed(config.cross_evaluate_tasks)
    return evaluated([config], tasks) if tasks else []


def names(tasks: Sequence[EvaluatedTask]) -> list[str]:
    """Return a name for each task, with the settings in which the tasks differ."""
    differ = [
        field.name
        for field in dataclasses.fields(EvaluatedTask)
        if field.name != "task" and len({getattr(task, field.name) for task in tasks}) > 1
    ]
    found = []
    for task in tasks:
        words = [f"{name} {getattr(task, name)}" for name in differ if getattr(task, name)]
        found.append(", ".join((task.task, *(word.removeprefix("task_settings ") for word in words))))
    return found


def environment_of(config: TrainerConfig, task: EvaluatedTask) -> EnvConfig:
    """Return the settings of a run's environment on another task, with the run's action, even if that was a default."""
    action = config.action or task_class(config.task).action
    return config.environment(**dataclasses.asdict(task), action=action, realtime=False)


def check_fit(config: TrainerConfig, encoder: factories.Encoder | None) -> None:
    """Raise ConfigError, in one line, for a task of `cross_evaluate_tasks` whose spaces differ from those of the run."""
    chosen = during_training(config)
    own = parts(environment_of(config, of_run(config)), encoder) if chosen else None
    for one in chosen:
        try:
            made = parts(environment_of(config, one), encoder)
        except ConfigError as error:
            raise ConfigError(f"cross_evaluate_tasks: {one.task}: {error}") from None
        for kind in ("observation", "action"):
            if getattr(made, kind).space != getattr(own, kind).space:
                raise ConfigError(
                    f"cross_evaluate_tasks: {one.task} has another {kind} space than {config.task}; leave it out"
                )
