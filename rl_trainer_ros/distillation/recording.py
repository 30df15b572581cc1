"""The data of each teacher: read from their folder, or recorded if they are not there."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from rl_trainer_ros import factories
from rl_trainer_ros.algorithms.image_replay import available_memory
from rl_trainer_ros.distillation import data_set
from rl_trainer_ros.distillation.data_set import DataSet
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.distributions import Actions
from rl_trainer_ros.distillation.progress import Progress
from rl_trainer_ros.distillation.sources import Source
from rl_trainer_ros.distillation.teachers import Recorded
from rl_trainer_ros.distillation.two_views import STUDENT, TEACHER, make_two_views
from rl_trainer_ros.environments.env_config import RAW_PIXELS, SRL_STATE, EnvConfig
from rl_trainer_ros.environments.make_env import Connection
from rl_trainer_ros.environments.vectorised.process_vec_env import ProcessVecEnv
from rl_trainer_ros.environments.vectorised.robot_vec_env import RobotVecEnv
from robot_interface_ros.config import ConfigError

_ANSWER_BYTES = 64
"""Of a sample, beside its observation: about; a distribution of seven numbers, reward, marks."""

Answer = Callable[[Any], Actions]
"""Observations `(n, ...)` -> distributions of actions."""
MakeRobots = Callable[[EnvConfig, EnvConfig], VecEnv]
"""Environments of the student and of the teacher -> a vectorised environment of TwoViews."""


def simulated(n: int) -> MakeRobots:
    """Return a function that simulates n robots: in this process, or in one for each core if images are rendered."""

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
    about = {
        "teacher": str(source.teacher.folder),
        "teacher_sha256": source.teacher.sha256,
        "algo": source.teacher.config.algo,
        "seed": source.teacher.config.seed,
        "srl_model": source.srl_model,
        "encoder": source.encoder,
        "recorded_by": data_set.STUDENT if student else data_set.TEACHER,
        "recording": {
            "robots": len(config.namespaces) if config.transport == "topics" else config.num_envs,
            **{name: getattr(config, name) for name in ("seed", "sampled", "temperature")},
        },
    }
    if data_set.is_data(folder):
        found = data_set.read(folder)
        if other := _difference(found, source, samples, about):
            raise ConfigError(f"{folder} holds other teacher data: {other}; give another folder, or remove it")
        report(f"{source.name}: {samples:,} samples are recorded already, in {folder}")
        return found
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
    found = DataSet(
        source.environment, source.observation, source.action, actions=actions, notes=about | notes, **arrays
    )
    shutil.rmtree(folder, ignore_errors=True)
    data_set.write(found, folder)
    mean = notes["mean_return"]
    report(f"{source.name}: recorded {samples:,} samples" + ("" if mean is None else f", mean return {mean:.2f}"))
    return found


def record(
    vec_env: VecEnv,
    teacher: Answer,
    samples: int,
    generator: np.random.Generator,
    *,
    student: Answer | None = None,
    sampled: bool = True,
    temperature: float = 1.0,
    report: Callable[[int], None] = lambda done: None,
) -> tuple[dict[str, Any], Actions, dict[str, Any]]:
    """Return `samples` rows in the order of time: arrays as DataSet has them, the teacher's answers, and notes.

    `vec_env`: of TwoViews. `student`: acts instead of the teacher; None: the teacher acts. `report(done)` is called after each
    step. Rows of robots that do not answer are left out.
    """
    rows: dict[str, list[Any]] = {"observations": [], "rewards": [], "starts": [], "robot": []}
    answers: list[Actions] = []
    episodes: list[tuple[float, bool]] = []
    returns = np.zeros(vec_env.num_envs)
    starts, present = np.ones(vec_env.num_envs, bool), np.ones(vec_env.num_envs, bool)
    succeeded = np.zeros(vec_env.num_envs, bool)
    observation: Any = vec_env.reset()
    done = 0
    while done < samples:
        answer = teacher(observation[TEACHER])
        acting = answer if student is None else student(observation[STUDENT])
        actions = acting.sample(generator, temperature) if sampled else acting.best()
        seen = observation[STUDENT].copy()
        observation, rewards, dones, infos = vec_env.step(actions)
        there = np.flatnonzero(present)
        for name, values in (("observations", seen), ("rewards", rewards), ("starts", starts)):
            rows[name].append(np.array(values)[there])
        rows["robot"].append(there)
        answers.append(Actions(answer.kind, {name: array[there] for name, array in answer.arrays.items()}))
        returns += rewards
        succeeded |= [bool(info.get("is_success")) for info in infos]
        for i in np.flatnonzero(dones):
            if present[i] and "interrupted" not in infos[i]:
                episodes.append((float(returns[i]), bool(succeeded[i])))
            returns[i], succeeded[i] = 0.0, False
        starts, present = np.array(dones, bool), np.array(["absent" not in info for info in infos])
        done += len(there)
        report(min(done, samples))
    arrays = {name: np.concatenate(parts)[:samples] for name, parts in rows.items()}
    arrays["rewards"], arrays["robot"] = arrays["rewards"].astype(np.float32), arrays["robot"].astype(np.int32)
    names = answers[0].arrays
    joined = {name: np.concatenate([part.arrays[name] for part in answers])[:samples] for name in names}
    notes = {
        "episodes": len(episodes),
        "mean_return": float(np.mean([total for total, _ in episodes])) if episodes else None,
        "success_rate": float(np.mean([success for _, success in episodes])) if episodes else None,
    }
    return arrays, Actions(answers[0].kind, joined), notes


def _difference(found: DataSet, source: Source, samples: int, about: Mapping[str, Any]) -> str:
    """Return the difference of data to those that would be recorded now, in words; empty if there is none.

    Data of earlier versions do not say how they were recorded; their teacher is known by its path.
    """
    if len(found) != samples:
        return f"{len(found):,} samples, not {samples:,}"
    was, now = (dataclasses.asdict(one) for one in (found.environment, source.environment))
    for name in was:
        if was[name] != now[name]:
            return f"{name} {was[name]!r}, not {now[name]!r}"
    notes = found.notes
    same = "teacher_sha256" if notes.get("teacher_sha256") else "teacher"
    if notes.get(same) != about[same]:
        return (
            f"of the model {notes.get('teacher')}, not {about['teacher']} as it is now (a teacher may be a checkpoint)"
        )
    how = notes.get("recording")
    if not isinstance(how, Mapping):
        return ""
    for name, value in about["recording"].items():
        if how.get(name) != value:
            return f"recorded with {name} {how.get(name)!r}, not {value!r}"
    return ""
