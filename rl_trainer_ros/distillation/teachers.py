"""Teachers: trained runs, or folders in which their answers were recorded."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_trainer_ros import factories
from rl_trainer_ros.distillation import data_set
from rl_trainer_ros.distillation.continual_config import ContinualConfig
from rl_trainer_ros.distillation.data_set import DataSet
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.distributions import Actions, of_policy
from rl_trainer_ros.environments.env_config import GROUND_TRUTH, RAW_PIXELS, EnvConfig
from rl_trainer_ros.environments.requirements import task_class
from rl_trainer_ros.training import trained_policy
from rl_trainer_ros.training.checkpoints import contents, trained_models
from rl_trainer_ros.training.checkpoints.trained_models import Policy
from rl_trainer_ros.training.runs import robot_files, run_folder
from rl_trainer_ros.training.runs.encoders import with_encoder
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.paths import expanded


@dataclass(frozen=True)
class Teacher:
    """A trained policy, and the environment that it was trained in."""

    folder: Path
    """Of the checkpoint."""
    policy: Policy
    config: TrainerConfig

    @property
    def environment(self) -> EnvConfig:
        """The environment in which it acts."""
        return self.config.environment(realtime=False)

    @property
    def sha256(self) -> str:
        """Digest of its networks: a run that is moved is the same teacher, one that was trained further is another."""
        found = hashlib.sha256()
        with open(self.folder / contents.PARAMETERS, "rb") as stream:
            while part := stream.read(2**20):
                found.update(part)
        return found.hexdigest()

    def answer(self, observations: Any) -> Actions:
        """Return its distributions of actions for observations as its environment gives them, `(n, ...)`."""
        return of_policy(self.policy.algorithm, self.policy.normalisation.apply(observations))

    def check(self) -> None:
        """Raise ConfigError if it has no distribution of actions to learn from."""
        algorithm = self.policy.algorithm
        seen = algorithm.observation_space.sample()[None]
        try:
            of_policy(algorithm, seen)
        except ConfigError as error:
            raise ConfigError(f"teacher {self.folder}: {error}") from None


@dataclass(frozen=True)
class Recorded:
    """A folder of teacher data."""

    folder: Path
    data: DataSet


def find(names: Sequence[str], log_dir: str) -> list[Teacher | Recorded]:
    """Return the teachers that are named: runs, checkpoints, folders of data or folders of such. Raises one-line errors."""
    found: list[Teacher | Recorded] = []
    for name in names:
        path = expanded(name)
        below = sorted(child for child in path.glob("*") if data_set.is_data(child)) if path.is_dir() else []
        if (path / data_set.DATA).exists():
            found.append(Recorded(path, data_set.read(path)))
        elif below and not (path / "config.yaml").exists():
            found += [Recorded(child, data_set.read(child)) for child in below]
        else:
            found += _trained(name, log_dir)
    return found


def _trained(name: str, log_dir: str) -> list[Teacher]:
    """Return a trained run as a teacher of each task that it learned: a student of several teachers has several."""
    path = expanded(name)
    if path.is_dir() and not any(path.iterdir()):
        raise ConfigError(f"teacher {name} is an empty folder; name a trained run or a folder of teacher data")
    run = run_folder.find(name, log_dir, learned=True)
    checkpoint = trained_models.source(name, log_dir)
    config = with_encoder(run_folder.load_config(run), run, checkpoint.about)
    robot_files.check(run, config.robot, "train the teacher again")
    if config.goal_conditioned:
        raise ConfigError(f"teacher {run} is goal-conditioned; such teachers cannot be distilled")
    trained_policy.check_trained_with(checkpoint.about, config.encoder_folder)
    policy = trained_models.load(checkpoint.folder)
    return [Teacher(checkpoint.folder, policy, one) for one in run_folder.learned_configs(run, config)]


def encoder_named(teacher: Teacher, config: DistilConfig) -> tuple[str, str]:
    """Return method and folder of the encoder that the student sees through. Raises ConfigError."""
    if config.srl_folder:
        return config.srl_model, config.srl_folder
    where = teacher.environment
    seeker = {"log_dir": config.log_dir, "robot": where.robot, "task": where.task, "table": config.srl_models}
    return factories.find_encoder(config.srl_model, **seeker)


_SEEN = ("observation", "observation_settings", "srl_folder", "frame_stack", "task_memory")
"""Settings of a policy's observation."""


def seen_by_student(teacher: Teacher, config: DistilConfig, first: EnvConfig | None = None) -> EnvConfig:
    """Return the environment of a teacher with the student's observation, without its label. Raises ConfigError.

    `first`: the student's observation of its first teacher's environment, where this is a later teacher.
    """
    changes: dict[str, Any] = {"task_labels": ()}
    if first is not None:
        changes |= {name: getattr(first, name) for name in _SEEN}
        return dataclasses.replace(teacher.environment, **changes)
    if config.srl_model:
        seen = GROUND_TRUTH if config.srl_model == GROUND_TRUTH else factories.srl_models().get(config.srl_model, "")
        folder = "" if seen else encoder_named(teacher, config)[1]
        changes |= {"srl_folder": folder, "observation": seen, "observation_settings": ""}
        if folder and factories.encoder_gaze(folder):
            changes["gaze"] = ""  # the eyes look as in the images of the encoder, also where the teacher's do not
    if config.observation:
        changes |= {
            "srl_folder": "",
            "observation": config.observation,
            "observation_settings": config.observation_settings,
        }
    elif config.observation_settings:
        changes["observation_settings"] = config.observation_settings
    if config.gaze_search or config.srl_model or config.observation:
        changes["gaze_search"] = config.gaze_search  # that of the teacher's eyes needs its own estimate
    if config.frame_stack:
        changes["frame_stack"] = config.frame_stack
    if changes.get("observation", teacher.environment.observed) == RAW_PIXELS:
        changes["task_memory"] = False
    return dataclasses.replace(teacher.environment, **changes)


def of_tasks(config: ContinualConfig) -> dict[str, Teacher | Recorded]:
    """Return the named teacher of each task; empty if none is named. Raises ConfigError or ModelError, one line."""
    if not config.names:
        return {}
    found: dict[str, Teacher | Recorded] = {}
    for teacher in find(config.names, config.log_dir):
        place = _environment(teacher)
        if place.task not in config.tasks:
            raise ConfigError(f"teacher {teacher.folder} has learned {place.task}, which is not in tasks; leave it out")
        if place.task in found:
            raise ConfigError(f"teachers has two of {place.task}: {found[place.task].folder} and {teacher.folder}")
        found[place.task] = teacher
        _check(teacher, "robot", place.robot, config.robot)
        _check(teacher, "action", action_of(teacher), config.action or action_of(next(iter(found.values()))))
    for task in config.tasks:
        if task not in found:
            raise ConfigError(f"teachers has none of {task}; name one, or leave teachers out to train all of them")
    return {task: found[task] for task in config.tasks}


def _check(teacher: Teacher | Recorded, setting: str, own: str, expected: str) -> None:
    if own != expected:
        raise ConfigError(
            f"teacher {teacher.folder} has {setting} {own}, not {expected}; all teachers and {setting}:=... need the same"
        )


def action_of(teacher: Teacher | Recorded) -> str:
    """Return the name of a teacher's action."""
    place = _environment(teacher)
    return place.action or task_class(place.task).action


def _environment(teacher: Teacher | Recorded) -> EnvConfig:
    return teacher.data.environment if isinstance(teacher, Recorded) else teacher.environment
