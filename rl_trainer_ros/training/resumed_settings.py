"""Settings of a resumed run, and which of them may be changed. This module does not import torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from rl_trainer_ros.environments.env_config import settings_of
from rl_trainer_ros.training.checkpoints import folders
from rl_trainer_ros.training.runs import robot_files, run_folder
from rl_trainer_ros.training.trainer_config import SETTINGS, TrainerConfig
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.paths import expanded

FREE = (
    *("resume", "num_timesteps", "log_interval_s", "markers", "transport", "namespaces", "srl_folder", "srl_models"),
    *("device", "checkpoint_interval_s", "keep_checkpoints", "start_timeout_s", "answer_timeout_s"),
    *("eval_every_steps", "eval_episodes", "eval_namespace", "eval_video"),
    *("cross_evaluate_every_steps", "cross_evaluate_tasks", "cross_evaluate_episodes"),
)
"""Settings that may be changed when a run is resumed: apart from the length, none of them changes what is learned.
On another device only the last bits differ."""


def settings_of_run(resume: str, log_dir: str) -> TrainerConfig:
    """Return the settings of the run that `resume` names (latest, or the path of a run or of a checkpoint in it)."""
    run = run_folder.find(resume, log_dir)
    config = run_folder.load_config(run)
    if run_folder.distillation_of(run) is not None:
        raise ConfigError(
            f"{run} is a distillation; continue it with {command_line('distil', f'resume:={run}')}, or train its student: "
            f"{command_line('train', f'load_model:={run}', f'algo:={config.algo}')}"
        )
    robot_files.check(run, config.robot, f"start a new run with its model: load_model:={run} robot:=...")
    return dataclasses.replace(config, resume=str(_named(resume, log_dir)))


def check_alone(resume: str, log_dir: str) -> None:
    """Raise ConfigError if a run trains on several tasks at once (continual learning): resumed alone it would train on one."""
    run = run_folder.find(resume, log_dir).resolve()
    if run_folder.joint_tasks(run):
        raise ConfigError(
            f"{run} trains on all tasks of {run.parents[4] / run_folder.CONTINUAL} together; continue it with the command "
            "rl_trainer continual that began it"
        )


def resolved(config: TrainerConfig) -> TrainerConfig:
    """Return `config`, or, if it resumes a run, the run's settings with the changes of `config`.

    A setting at its default counts as not given. Raises ConfigError, in one line, for a change that is not allowed.
    """
    if not config.resume:
        return config
    run = settings_of_run(config.resume, config.log_dir)
    defaults = TrainerConfig()
    given = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if (field.name in FREE and field.name != "srl_folder")
        or getattr(config, field.name) != getattr(defaults, field.name)
    }
    given |= {"resume": run.resume, "log_dir": run.log_dir}
    changed = dataclasses.replace(run, **given)
    refuse_changes(run, changed)
    return changed


def refuse_changes(run: TrainerConfig, given: TrainerConfig) -> None:
    """Raise ConfigError if `given` differs from the run's settings in others than FREE."""
    for field in dataclasses.fields(run):
        name = field.name
        was, now = (_meant(name, getattr(config, name)) for config in (run, given))
        if was != now and name not in (*FREE, "log_dir"):
            raise ConfigError(
                f"{name} is {was!r} in the resumed run and cannot be changed to {now!r}; leave it out, or start a new run "
                f"with its model: load_model:=... (settings that may be changed: {', '.join(FREE[1:])})"
            )
    if len(run.namespaces) != len(given.namespaces):
        raise ConfigError(
            f"the resumed run has {len(run.namespaces)} robot(s), not {len(given.namespaces)}; give the same number"
        )


def run_of(config: TrainerConfig) -> Path:
    """Return the folder of the run that a resolved configuration resumes."""
    return run_folder.find(config.resume, config.log_dir)


def _named(resume: str, log_dir: str) -> Path:
    """Return the run's folder, or the checkpoint's if one is named; absolute."""
    path = expanded(resume)
    if resume != "latest" and (path / folders.ABOUT).is_file():
        return path.resolve()
    return run_folder.find(resume, log_dir).resolve()


def _meant(name: str, value: Any) -> Any:
    return settings_of(name, value) if name in SETTINGS else value
