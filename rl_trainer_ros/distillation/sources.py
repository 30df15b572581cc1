"""The teachers of one student as sources of samples: the student's observation in the environment of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gymnasium import spaces

from rl_trainer_ros import factories
from rl_trainer_ros.distillation import data_set
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.teachers import Recorded, Teacher, encoder_named, seen_by_student
from rl_trainer_ros.distillation.two_views import check_images
from rl_trainer_ros.environments.env_config import GROUND_TRUTH, EnvConfig
from rl_trainer_ros.environments.frame_stack import stacked_space
from rl_trainer_ros.environments.make_env import Parts, parts
from rl_trainer_ros.environments.requirements import task_class
from rl_trainer_ros.training.checkpoints.spaces import brief
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot_config import RobotDescription


@dataclass(frozen=True)
class Source:
    """A teacher, with the student's observation of its environment."""

    name: str
    """For messages: its task, and its number where several have that."""
    teacher: Teacher | Recorded
    environment: EnvConfig
    """With the student's observation, without a label."""
    observation: spaces.Box
    action: spaces.Space[Any]
    encoder: str | None
    srl_model: str
    robot: RobotDescription


def sources(found: Sequence[Teacher | Recorded], config: DistilConfig) -> list[Source]:
    """Return the source of each teacher. Raises ConfigError, one line, if one student cannot learn from all of them."""
    made: list[Source] = []
    for teacher in found:
        made.append(_source(teacher, config, made[0] if made else None))
    if config.student_rounds:
        for source in made:
            if isinstance(source.teacher, Recorded):
                raise ConfigError(
                    f"student_rounds needs teachers that can still answer; {source.teacher.folder} is recorded: name its run"
                )
    names = names_of([source.name for source in made])
    made = [dataclasses.replace(source, name=name) for source, name in zip(made, names)]
    _check_alike(made)
    return made


def names_of(tasks: Sequence[str]) -> list[str]:
    """Return a name for each teacher: its task, with its number where several have that."""
    return [task if list(tasks).count(task) == 1 else f"{task}_{i}" for i, task in enumerate(tasks)]


def _source(teacher: Teacher | Recorded, config: DistilConfig, first: Source | None) -> Source:
    if isinstance(teacher, Recorded):
        data = teacher.data
        environment, encoder = data.environment, data.notes.get("encoder")
        if config.observation not in ("", environment.observed) or config.frame_stack not in (
            0,
            environment.frame_stack,
        ):
            raise ConfigError(
                f"{teacher.folder} was recorded with observation {environment.observed} and frame_stack "
                f"{environment.frame_stack}; leave observation and frame_stack out, or record its teacher again"
            )
        loaded = _loaded(environment.encoder_folder)
        made = parts(environment, loaded)
        _check_recorded(teacher, made, loaded)
        srl_model = str(data.notes.get("srl_model") or GROUND_TRUTH)
        return Source(
            data.task,
            teacher,
            environment,
            data.observation_space,
            data.action_space,
            encoder,
            srl_model,
            made.description,
        )
    environment = seen_by_student(teacher, config, first.environment if first else None)
    check_images(environment, teacher.environment)
    loaded = _loaded(environment.encoder_folder)
    made = parts(environment, loaded)
    space = stacked_space(made.observation.space, environment.frame_stack)
    if not isinstance(space, spaces.Box):
        raise ConfigError(f"a student cannot observe {brief(space)}; choose another observation")
    srl_model = teacher.config.srl_model if environment.encoder_folder else GROUND_TRUTH
    if first is not None:
        srl_model = first.srl_model
    elif config.srl_model and environment.encoder_folder:
        srl_model = encoder_named(teacher, config)[0]
    encoder = loaded.id if loaded else None
    return Source(
        environment.task, teacher, environment, space, made.action.space, encoder, srl_model, made.description
    )


def _check_recorded(teacher: Recorded, made: Parts, encoder: factories.Encoder | None) -> None:
    """Raise ConfigError, one line, unless recorded spaces and encoder are those of the environment that is named with them."""
    data = teacher.data
    there = stacked_space(made.observation.space, data.environment.frame_stack)
    for what, own, today in (
        ("observation space", data.observation_space, there),
        ("action space", data.action_space, made.action.space),
        ("encoder", data.notes.get("encoder"), encoder.id if encoder else None),
    ):
        if own != today:
            raise ConfigError(
                f"{teacher.folder} was recorded with {what} {_text(own)}, but its environment has {_text(today, own)}: "
                f"{data_set.ABOUT} was "
                "changed, or the robot or the encoder since; record the teacher again"
            )


def _loaded(folder: str) -> factories.Encoder | None:
    return factories.load_encoder(folder) if folder else None


def _check_alike(made: Sequence[Source]) -> None:
    """Raise ConfigError, one line, unless one student can learn from all: the same robot, observations and actions."""
    first = made[0]
    for other in made[1:]:
        for what, mine, its in (
            ("robot", first.environment.robot, other.environment.robot),
            *((what, mine, its) for (what, mine), (_, its) in zip(_alike(first), _alike(other))),
            ("action space", first.action, other.action),
            ("observation space", first.observation, other.observation),
            ("encoder", first.encoder, other.encoder),
        ):
            if mine != its:
                raise ConfigError(
                    f"teachers of one student need the same {what}: {first.name} has {_text(mine)}, "
                    f"{other.name} has {_text(its, mine)}"
                )


def _text(value: Any, *others: Any) -> str:
    return brief(value, *others) if isinstance(value, spaces.Space) else str(value)


def _alike(source: Source) -> list[tuple[str, Any]]:
    """Name and value of each setting that all teachers of one student have in common: spaces alone do not tell them apart."""
    place = source.environment
    return [
        ("action", place.action or task_class(place.task).action),
        ("action_settings", place.settings("action")),
        *((name, getattr(place, name)) for name in ("joint_group", "action_repeat", "control_hz")),
        ("observation", place.observed),
        ("observation_settings", place.settings("observation")),
        *((name, getattr(place, name)) for name in ("frame_stack", "task_memory")),
    ]
