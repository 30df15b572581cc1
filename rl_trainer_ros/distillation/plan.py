"""The plan of a distillation: teachers, samples and the student's settings, for a new run or one that is continued."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_trainer_ros import algorithms
from rl_trainer_ros.algorithms.hyperparameters import checked
from rl_trainer_ros.algorithms.learner import check_actions, observation_kind, policy_name
from rl_trainer_ros.distillation import data_set, recording
from rl_trainer_ros.distillation.distil_config import ALL, DistilConfig
from rl_trainer_ros.distillation.sources import Source, names_of, sources
from rl_trainer_ros.distillation.teachers import Recorded, Teacher, find
from rl_trainer_ros.environments.env_config import GROUND_TRUTH, EnvConfig, settings_of
from rl_trainer_ros.environments.requirements import task_class
from rl_trainer_ros.observations.with_label import labelled_space
from rl_trainer_ros.training.checkpoints import folders, resume
from rl_trainer_ros.training.checkpoints.folders import Checkpoint
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, from_mapping
from robot_interface_ros.files import checked_values as check
from robot_interface_ros.files.paths import check_folder, joined_paths

DATA = "data"
"""Folder of a run with the samples that were recorded for it; in it a folder for each round and teacher."""
_FREE = (
    *("resume", "log_dir", "teachers", "torch_threads", "log_interval_s", "checkpoint_interval_s", "keep_checkpoints"),
    *("eval_every_epochs", "eval_episodes"),
)
"""Settings that may be changed when a distillation is continued: none of them changes what is learned."""
_COPIES = 4
"""Copies of the samples in memory: as recorded, joined with labels, without those for validation, in an epoch's order."""


@dataclass
class Plan:
    """A distillation that can begin: its settings, its teachers, and how many samples each gives."""

    config: DistilConfig
    run_config: TrainerConfig
    sources: list[Source]
    shares: list[float]
    counts: list[list[int]]
    labels: tuple[str, ...]
    hyperparameters: dict[str, Any]
    run: Path | None = None
    checkpoint: Checkpoint | None = None

    @property
    def space(self) -> Any:
        """The student's observation of an environment."""
        return _observed(self.sources[0], self.labels)

    @property
    def section(self) -> dict[str, Any]:
        """The section `distillation` of the run's `config.yaml`, from which the run is continued and evaluated."""
        settings = {**dataclasses.asdict(self.config), "balance": list(self.config.balance)}
        settings |= {"task_labels": list(self.config.task_labels), "namespaces": list(self.config.namespaces)}
        return {
            "tasks": [source.environment.task for source in self.sources],
            "environments": [_changes(source.environment, self.run_config) for source in self.sources],
            "settings": settings,
        }

    @property
    def about(self) -> dict[str, Any]:
        """The facts about the run that its checkpoints store."""
        config, source = self.run_config, self.sources[0]
        names = ("task", "robot", "srl_model", "algo", "policy", "action", "frame_stack", "action_repeat")
        about = {name: getattr(config, name) for name in names}
        about |= {"observation": config.observed, "robot_urdf_sha256": run_folder.urdf_digest(source.robot)}
        about |= {"departed": 0, "encoder": source.encoder, "hyperparameters": self.hyperparameters}
        return {**about, "tasks": [one.environment.task for one in self.sources]}


def new_plan(config: DistilConfig) -> Plan:
    """Return the plan of a new student. Raises ConfigError or ModelError, one line, before anything is recorded."""
    config.check_named()
    check_folder("log_dir", config.log_dir)
    config = dataclasses.replace(
        config, teachers=joined_paths([_absolute(name, config.log_dir) for name in config.names])
    )
    found = sources(find(config.names, config.log_dir), config)
    first = found[0]
    tasks = tuple(dict.fromkeys(source.environment.task for source in found))
    labels = tasks if config.task_labels == (ALL,) else config.task_labels
    for label in labels:
        task_class(label)
    for source in found:
        if labels and source.environment.task not in labels:
            raise ConfigError(f"task_labels lacks {source.environment.task}, a teacher's task; add it, or give [{ALL}]")
    shares = recording.shares_of(config, len(found))
    counts = recording.samples_of(config, shares)
    recording.check_memory(found, counts, copies=_COPIES)
    check_actions(config.algo, first.action)
    for source in found:  # a teacher without a distribution is refused before anything is recorded
        if isinstance(source.teacher, Teacher):
            source.teacher.check()
    run_config = dataclasses.replace(_run_config(config, first, labels), num_timesteps=_steps(config, found, counts))
    space = _observed(first, labels)
    policy_name(config.algo, space, config.policy)
    given = settings_of("hyperparameters", config.hyperparameters)
    hyperparameters = algorithms.hyperparameters(config.algo, given, kind=observation_kind(space))
    return Plan(config, run_config, found, shares, counts, labels, hyperparameters)


def _observed(source: Source, labels: tuple[str, ...]) -> Any:
    """The space of a source's observations, with the labels that a student sees."""
    if not labels:
        return source.observation
    return labelled_space(source.observation, len(labels), source.environment.frame_stack)


def _absolute(name: str, log_dir: str) -> str:
    """Return a teacher's absolute path: its run may be continued from another working directory."""
    return str(run_folder.find(name, log_dir, learned=True) if name == "latest" else Path(name).expanduser().resolve())


def _run_config(config: DistilConfig, first: Source, labels: tuple[str, ...]) -> TrainerConfig:
    """The student's settings as those of a training, which evaluation, fine-tuning and reports read."""
    environment = {field.name: getattr(first.environment, field.name) for field in dataclasses.fields(EnvConfig)}
    environment |= {"task_labels": labels}
    return TrainerConfig(
        **environment,
        srl_model=first.srl_model if first.environment.encoder_folder else GROUND_TRUTH,
        algo=config.algo,
        policy=config.policy,
        hyperparameters=config.hyperparameters,
        transport="in_process",
        seed=config.seed,
        log_dir=config.log_dir,
        torch_threads=config.torch_threads,
        keep_checkpoints=config.keep_checkpoints,
    )


def _steps(config: DistilConfig, found: Sequence[Source], counts: Sequence[Sequence[int]]) -> int:
    """Return how many samples the student learns from; repeated samples count each time."""
    total = rows = 0
    for per_teacher in counts:
        for source, n in zip(found, per_teacher):
            there = n if isinstance(source.teacher, Teacher) else min(n, len(source.teacher.data))
            rows += there - int(there * config.validation)
        total += config.epochs * rows
    return total


def settings_of_run(name: str, log_dir: str) -> DistilConfig:
    """Return the settings with which a distillation began: of a run, or latest. Raises ConfigError, one line."""
    run = run_folder.find(name, log_dir)
    section = run_folder.distillation_of(run)
    if section is None:
        raise ConfigError(
            f"{run} is a training, not a distillation; continue it with {command_line('train', f'resume:={run}')}"
        )
    where = f"{run / 'config.yaml'}: distillation"
    return from_mapping(DistilConfig, check.mapping(section.get("settings"), where), where)


def resumed_plan(config: DistilConfig) -> Plan:
    """Return the plan of the run that `config.resume` names: its own settings, with the changes of `config`.

    Raises one-line errors.
    """
    run = run_folder.find(config.resume, config.log_dir)
    own = _changed(settings_of_run(config.resume, config.log_dir), config)
    if (run / "final" / folders.ABOUT).is_file():
        raise ConfigError(
            f"{run} is finished; train its student further with {command_line('train', f'load_model:={run}')}"
        )
    found = sources(_teachers_again(run, own), own)
    shares = recording.shares_of(own, len(found))
    run_config = run_folder.load_config(run)
    where = f"{run / 'config.yaml'}: hyperparameters"
    hyperparameters = checked(own.algo, run_folder.hyperparameters_of(run), where)
    return Plan(
        own,
        run_config,
        found,
        shares,
        recording.samples_of(own, shares),
        run_config.task_labels,
        hyperparameters,
        run,
        # one step more: its last epoch may be done, and only the end not saved
        resume.start(dataclasses.replace(run_config, resume=str(run), num_timesteps=run_config.num_timesteps + 1)),
    )


def _changed(own: DistilConfig, given: DistilConfig) -> DistilConfig:
    """Return the settings of a run with those that are given; a setting at its default counts as not given.

    Raises ConfigError, one line, for a change that is not allowed.
    """
    changes = {}
    for field in dataclasses.fields(given):
        value, was = getattr(given, field.name), getattr(own, field.name)
        if value in (field.default, was) or field.name == "resume":
            continue
        if field.name not in _FREE:
            raise ConfigError(
                f"{field.name} is {was!r} in the continued distillation and cannot be changed to {value!r}; leave it out, or "
                f"begin a new one without resume (settings that may be changed: {', '.join(_FREE[2:])})"
            )
        changes[field.name] = value
    if given.teachers:
        changes["teachers"] = joined_paths([_absolute(name, given.log_dir) for name in given.names])
    return dataclasses.replace(own, **{**changes, "log_dir": own.log_dir})


def _teachers_again(run: Path, own: DistilConfig) -> list[Teacher | Recorded]:
    """Return the teachers of a continued run. One whose samples are all in the run is read from there.

    So its own run may have been moved, deleted or trained further.
    """
    section = run_folder.distillation_of(run) or {}
    where = f"{run / 'config.yaml'}: distillation: tasks"
    tasks = [check.text(task, where) for task in check.listed(section.get("tasks"), where)]
    kept = [run / DATA / f"0_{name}" for name in names_of(tasks)]
    there = [data_set.is_data(folder) and not own.student_rounds for folder in kept]
    if all(there):
        return [Recorded(folder, data_set.read(folder)) for folder in kept]
    try:
        if len(own.names) != len(tasks):  # a name is a folder of several teachers
            return find(own.names, own.log_dir)
        found: list[Teacher | Recorded] = []
        for name, folder, recorded in zip(own.names, kept, there):
            found += [Recorded(folder, data_set.read(folder))] if recorded else find([name], own.log_dir)
        return found
    except ConfigError as error:
        raise ConfigError(f"{error}. If teachers were moved, name their places: teachers:=...") from None


def _changes(environment: EnvConfig, run: TrainerConfig) -> dict[str, Any]:
    """The settings in which a teacher's environment differs from that of the run, to evaluate the student in it."""
    mine, its = dataclasses.asdict(run.environment(task_labels=())), dataclasses.asdict(environment)
    return {name: value for name, value in its.items() if mine[name] != value}
