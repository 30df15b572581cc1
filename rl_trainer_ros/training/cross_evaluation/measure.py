"""Evaluate every model on every task; the results form a matrix."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rl_trainer_ros import factories
from rl_trainer_ros.algorithms.learner import learner_space
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.frame_stack import seen_space
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.at_once import evaluate_at_once, robots_for
from rl_trainer_ros.evaluation.episodes import row_of
from rl_trainer_ros.evaluation.matrix import Cell, Matrix
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.checkpoints.spaces import brief
from rl_trainer_ros.training.checkpoints.trained_models import ModelError, Policy
from rl_trainer_ros.training.cross_evaluation import tasks as evaluated_tasks
from rl_trainer_ros.training.cross_evaluation.models import Model
from rl_trainer_ros.training.cross_evaluation.tasks import EvaluatedTask
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError

UNTRAINED = "untrained"
"""Name of a model with the weights of a new learner; the baseline of forward transfer."""


def frame(models: Sequence[Model], names: Sequence[str], tasks: Sequence[EvaluatedTask], untrained: bool) -> Matrix:
    """Return the matrix without cells: a row for each model, and one for the untrained one; a column for each task."""
    rows = [_described(model, name) for model, name in zip(models, names)]
    if untrained:
        rows.append({**rows[0], "model": UNTRAINED, "steps": "0", "learned": ""})
    columns = zip(tasks, evaluated_tasks.names(tasks))
    return Matrix(rows, [{"evaluated_on": name, **dataclasses.asdict(task)} for task, name in columns], {})


def cross_evaluate(
    models: Sequence[Model],
    names: Sequence[str],
    tasks: Sequence[EvaluatedTask],
    episodes: int,
    untrained: bool = False,
    report: Callable[[int], None] = lambda done: None,
    known: Mapping[tuple[int, int], Cell] = MappingProxyType({}),
    keep: Callable[[Matrix], None] = lambda so_far: None,
) -> Matrix:
    """Return the results of each model on each task, over `episodes` unseen targets that are the same for all models.

    If a model does not fit a task, the cell is empty and gives the reason. `untrained`: add a row for the first model's
    networks with the weights of a new learner. `report(done)` is called with the number of episodes done or left out. `known`:
    cells that need not be evaluated again. `keep` is called after each further one with the matrix so far. Robots are
    simulated in process.
    """
    policies: list[Policy | str] = [_policy(model.folder) for model in models]
    configs = [model.config for model in models]
    empty = frame(models, names, tasks, untrained)
    if untrained:
        policies.append(_policy(models[0].folder, learned=False))
        configs.append(models[0].config)
    cells, done = dict(known), 0
    for j, task in enumerate(tasks):
        with _Environments(episodes) as environments:
            for i, (policy, config) in enumerate(zip(policies, configs)):
                before = done
                done += episodes
                if (i, j) in known:
                    continue

                def report_cell(finished: int, before: int = before) -> None:
                    report(before + finished)

                own = evaluated_tasks.environment_of(config, task)
                cells[i, j] = _cell(policy, config.encoder_folder, own, environments, episodes, report_cell)
                report(done)
                keep(dataclasses.replace(empty, cells=cells))
    return dataclasses.replace(empty, cells=cells)


def _policy(folder: Path, learned: bool = True) -> Policy | str:
    """Return the policy of a checkpoint, or the reason why it cannot be loaded, in one line."""
    try:
        return trained_models.load(folder, learned)
    except (ModelError, ConfigError) as error:
        return str(error)


def _described(model: Model, name: str) -> dict[str, str]:
    steps = "" if model.steps is None else str(model.steps)
    return {"model": name, "path": str(model.folder), "steps": steps, "learned": model.config.task}


class _Environments:
    """The environments of one task. Models with the same settings share them."""

    def __init__(self, episodes: int) -> None:
        self._robots = robots_for(episodes)
        self._made: dict[str, list[RobotEnv]] = {}

    def __enter__(self) -> _Environments:
        return self

    def __exit__(self, *_: object) -> None:
        for environments in self._made.values():
            for environment in environments:
                environment.close()

    def first(self, config: EnvConfig) -> RobotEnv:
        """Return an environment of these settings. Raises ConfigError or RobotError."""
        made = self._of(config)
        if not made:
            made.append(make_environment(config))
        return made[0]

    def all(self, config: EnvConfig) -> list[RobotEnv]:
        """Return as many environments of these settings as suit the number of episodes."""
        made = self._of(config)
        while len(made) < self._robots:
            made.append(make_environment(config))
        return made

    def _of(self, config: EnvConfig) -> list[RobotEnv]:
        return self._made.setdefault(repr(config), [])  # some settings are mappings, which have no hash


def _cell(
    policy: Policy | str,
    encoder_folder: str,
    config: EnvConfig,
    environments: _Environments,
    episodes: int,
    report: Callable[[int], None],
) -> Cell:
    if isinstance(policy, str):
        return Cell(reason=policy)
    try:
        if reason := misfit(policy, environments.first(config), encoder_folder):
            return Cell(reason=reason)
        robots = environments.all(config)
        found = evaluate_at_once(policy.algorithm, policy.normalisation.apply, robots, episodes, report=report)
        return Cell(row_of(found))
    except (ConfigError, RobotError, RuntimeError, OSError) as error:  # an error in one cell must not end the others
        return Cell(reason=" ".join(str(error).split()))


def misfit(policy: Policy, environment: RobotEnv, encoder_folder: str = "") -> str:
    """Return why a policy cannot act in an environment; empty if it can."""
    spaces = (
        ("observation", policy.algorithm.observation_space, learner_space(seen_space(environment))),
        ("action", policy.algorithm.action_space, environment.action_space),
    )
    for name, own, there in spaces:
        if own != there:
            return f"the model's {name} space is {brief(own)}, the task's is {brief(there, own)}"
    encoder = factories.load_encoder(encoder_folder).id if encoder_folder else None
    if policy.about.get("encoder") != encoder:
        return (
            f"the model was trained with encoder {policy.about.get('encoder') or 'none'}, not with {encoder or 'none'}"
        )
    return ""
