"""The data of each teacher: read from their folder, or recorded if they are not there."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from rl_trainer_ros import factories
from rl_trainer_ros.algorithms.image_replay import available_memory
from rl_trainer_ros.distillation import data_set
from rl_trainer_ros.distillation.data_set import DataSet
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.progress import Progress
from rl_trainer_ros.distillation.recorder import Answer, record
from rl_trainer_ros.distillation.teachers import Recorded, Teacher, encoder_named, seen_by_student
from rl_trainer_ros.distillation.two_views import make_two_views
from rl_trainer_ros.environments.env_config import GROUND_TRUTH, RAW_PIXELS, SRL_STATE, EnvConfig
from rl_trainer_ros.environments.frame_stack import stacked_space
from rl_trainer_ros.environments.make_env import Connection, parts
from rl_trainer_ros.environments.vectorised.process_vec_env import ProcessVecEnv
from rl_trainer_ros.environments.vectorised.robot_vec_env import RobotVecEnv
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot_config import RobotDescription

_ANSWER_BYTES = 64
"""Of a sample, beside its observation: about; a distribution of seven numbers, reward, marks."""

MakeRobots = Callable[[EnvConfig, EnvConfig], VecEnv]
"""Environments of the student and of the teacher -> a vectorised environment of TwoViews."""


def simulated(n: int) -> MakeRobots:
    """Return a function that simulates n robots: in this process, or in a process each if images are rendered."""

    def make(student: EnvConfig, teacher: EnvConfig) -> VecEnv:
        one = partial(make_two_views, student, teacher)
        if n > 1 and {student.observed, teacher.observed} & {RAW_PIXELS, SRL_STATE}:
            return ProcessVecEnv([one] * n)
        return DummyVecEnv([one] * n)

    return make


@contextmanager
def served(namespaces: Sequence[str]) -> Iterator[MakeRobots]:
    """Yield a function that connects to the robots in `namespaces` over topics, all at the same time."""
    with factories.open_runtime(namespaces) as opened:

        def make(student: EnvConfig, teacher: EnvConfig) -> VecEnv:
            runtime, shared = opened()
            connections = [Connection("topics", name, runtime=runtime, shared=shared) for name in namespaces]
            environments = [make_two_views(student, teacher, connection) for connection in connections]
            if len(environments) == 1:
                return DummyVecEnv([lambda: environments[0]])
            return RobotVecEnv(environments, shared.fibers, names=namespaces)

        yield make


@dataclass(frozen=True)
class Source:
    """A teacher, with what the student sees of its environment."""

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
    made = [_source(teacher, config) for teacher in found]
    if config.student_rounds:
        for source in made:
            if isinstance(source.teacher, Recorded):
                raise ConfigError(
                    f"student_rounds needs teachers that can still answer; {source.teacher.folder} is recorded: name its run"
                )
    names = [source.name for source in made]
    made = [
        source if names.count(source.name) == 1 else dataclasses.replace(source, name=f"{source.name}_{i}")
        for i, source in enumerate(made)
    ]
    _check_alike(made)
    return made


def _source(teacher: Teacher | Recorded, config: DistilConfig) -> Source:
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
        made = parts(environment, _loaded(environment.encoder_folder))
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
    environment = seen_by_student(teacher, config)
    loaded = _loaded(environment.encoder_folder)
    made = parts(environment, loaded)
    space = stacked_space(made.observation.space, environment.frame_stack)
    if not isinstance(space, spaces.Box):
        raise ConfigError(f"a student cannot observe {space}; choose another observation")
    srl_model = teacher.config.srl_model if environment.encoder_folder else GROUND_TRUTH
    if config.srl_model and environment.encoder_folder:
        srl_model = encoder_named(teacher, config)[0]
    encoder = loaded.id if loaded else None
    return Source(
        environment.task, teacher, environment, space, made.action.space, encoder, srl_model, made.description
    )


def _loaded(folder: str) -> factories.Encoder | None:
    return factories.load_encoder(folder) if folder else None


def _check_alike(made: Sequence[Source]) -> None:
    """Raise ConfigError, one line, unless one student can learn from all: the same robot, observations and actions."""
    first = made[0]
    for other in made[1:]:
        for what, mine, its in (
            ("action space", first.action, other.action),
            ("observation space", first.observation, other.observation),
            ("frame_stack", first.environment.frame_stack, other.environment.frame_stack),
            ("action_repeat", first.environment.action_repeat, other.environment.action_repeat),
            ("robot", first.environment.robot, other.environment.robot),
            ("encoder", first.encoder, other.encoder),
        ):
            if mine != its:
                raise ConfigError(
                    f"teachers of one student need the same {what}: {first.name} has {mine}, {other.name} has {its}"
                )


def shares_of(config: DistilConfig, n: int) -> list[float]:
    """Return the share of each of n teachers, with a sum of 1. Raises ConfigError if `balance` has another number of shares."""
    balance = config.balance or (1.0,) * n
    if len(balance) != n:
        raise ConfigError(f"balance has {len(balance)} shares for {n} teachers; give one for each")
    return [share / sum(balance) for share in balance]


def samples_of(config: DistilConfig, shares: Sequence[float]) -> list[list[int]]:
    """Return how many samples each round takes from each teacher, `[round][teacher]`; their sum is the set's size."""
    totals = np.diff(np.round(np.cumsum([0.0, *shares]) * config.set_size).astype(int))
    rounds = config.student_rounds + 1
    steps = [np.diff(np.round(np.linspace(0, total, rounds + 1)).astype(int)) for total in totals]
    counts = [[int(per_round[r]) for per_round in steps] for r in range(rounds)]
    if min(min(counts)) < 1:
        raise ConfigError(
            f"set_size is {config.set_size:,} for {len(shares)} teachers and {rounds} rounds; give at least "
            f"{len(shares) * rounds} samples, and each teacher a share"
        )
    return counts


def check_memory(found: Sequence[Source], counts: Sequence[Sequence[int]], copies: int) -> None:
    """Raise ConfigError, one line, if the samples do not fit into the free memory, `copies` times.

    `counts`: `[round][teacher]`, as `samples_of` gives them.
    """
    available = available_memory()
    if available is None:
        return
    needed = total = 0
    for per_teacher in counts:
        for source, samples in zip(found, per_teacher):
            recorded = isinstance(source.teacher, Recorded)
            n = min(samples, len(source.teacher.data)) if isinstance(source.teacher, Recorded) else samples
            numbers = source.observation.shape
            bytes_of_observation = int(np.prod(numbers)) * source.observation.dtype.itemsize
            needed += n * (bytes_of_observation + _ANSWER_BYTES) * (copies - recorded)
            total += n
    if needed > available:
        fits = int(total * 0.8 * available / needed)
        raise ConfigError(
            f"{total:,} samples take {needed / 1e9:.1f} GB, and this machine has {available / 1e9:.1f} GB free; use "
            f"set_size:={fits}, or a smaller observation"
        )


def obtain(
    source: Source,
    samples: int,
    folder: Path,
    config: DistilConfig,
    turn: tuple[int, int],
    make_robots: MakeRobots,
    report: Callable[[str], None],
    student: Answer | None = None,
) -> DataSet:
    """Return `samples` of a teacher: the first of its own folder, or those in `folder`, recorded if they are not there.

    `turn`: numbers of the round and of the teacher. With `config.seed` they determine all that is random in the recording.
    `student`: acts instead of the teacher.
    """
    if isinstance(source.teacher, Recorded):
        if samples > len(source.teacher.data):
            report(f"{source.teacher.folder} holds {len(source.teacher.data):,} samples, not {samples:,}; all are used")
        return source.teacher.data.first(samples)
    if data_set.is_data(folder):
        found = data_set.read(folder)
        if found.notes.get("teacher") == str(source.teacher.folder) and len(found) == samples:
            report(f"{source.name}: {samples:,} samples are recorded already, in {folder}")
            return found
        raise ConfigError(f"{folder} holds other teacher data; give another folder, or remove it")
    progress = Progress(f"recording {source.name}", samples, "steps", config.log_interval_s, report)
    generator = np.random.default_rng([config.seed, *turn])
    robots = make_robots(source.environment, source.teacher.environment)
    try:
        robots.seed(int(generator.integers(2**31 - 10_000)))
        arrays, actions, notes = record(
            robots,
            source.teacher.answer,
            samples,
            generator,
            student=student,
            sampled=config.sampled,
            temperature=config.temperature,
            report=progress.show,
        )
    finally:
        robots.close()
    about = {
        "teacher": str(source.teacher.folder),
        "algo": source.teacher.config.algo,
        "seed": source.teacher.config.seed,
        "srl_model": source.srl_model,
        "encoder": source.encoder,
        "recorded_by": data_set.STUDENT if student else data_set.TEACHER,
    }
    found = DataSet(
        source.environment, source.observation, source.action, actions=actions, notes=about | notes, **arrays
    )
    shutil.rmtree(folder, ignore_errors=True)
    data_set.write(found, folder)
    mean = notes["mean_return"]
    report(f"{source.name}: recorded {samples:,} samples" + ("" if mean is None else f", mean return {mean:.2f}"))
    return found
