"""Teacher data that are made without a robot, and students of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from gymnasium import spaces

from rl_trainer_ros.algorithms import hyperparameters
from rl_trainer_ros.distillation import distributions
from rl_trainer_ros.distillation import student as students
from rl_trainer_ros.distillation.data_set import DataSet
from rl_trainer_ros.distillation.distributions import CATEGORICAL, GAUSSIAN, SQUASHED, Actions
from rl_trainer_ros.distillation.student import Student, balanced_order, lessons_of
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.observations.with_label import labelled_space
from rl_trainer_ros.training.trainer_config import TrainerConfig

OBSERVED = spaces.Box(-1.0, 1.0, (4,), np.float32)


def made_data(kind: str, n: int, seed: int, task: str = "circular", sign: float = 1.0) -> DataSet:
    """Return data of a teacher whose actions are a smooth function of its `n` random observations."""
    generator = np.random.default_rng(seed)
    observations = generator.uniform(-1.0, 1.0, (n, 4)).astype(np.float32)
    weights = sign * np.array([[2.0, -1.0, 0.5], [1.0, 1.0, -1.0], [-1.0, 2.0, 0.0], [0.5, 0.0, 1.0]], np.float32)
    values = observations @ weights
    if kind == CATEGORICAL:
        logits = torch.as_tensor(4.0 * values)
        arrays, action = {"probabilities": torch.softmax(logits, -1).numpy()}, spaces.Discrete(3)
    else:
        arrays = {"mean": np.tanh(0.4 * values), "log_std": np.full((n, 3), -1.0, np.float32)}
        action = spaces.Box(-1.0, 1.0, (3,), np.float32)  # type: ignore[assignment]
    return DataSet(
        EnvConfig(task=task),
        OBSERVED,
        action,
        observations,
        Actions(kind, arrays),
        np.ones(n, np.float32),
        np.arange(n) % 50 == 0,
        np.zeros(n, np.int32),
        {},
    )


def gaussian_of(**numbers: float) -> DataSet:
    """Data of a Gaussian teacher, with some arrays of one number."""
    data = made_data(GAUSSIAN, 20, 0)
    changed = {name: np.full_like(data.actions.arrays[name], number) for name, number in numbers.items()}
    return dataclasses.replace(data, actions=Actions(GAUSSIAN, {**data.actions.arrays, **changed}))


def taught(sets: Sequence[DataSet], algo: str = "ppo", labels: Sequence[str] = (), epochs: int = 30) -> Student:
    """Return a student of some teachers' data."""
    space = labelled_space(OBSERVED, len(labels)) if labels else OBSERVED
    settings = hyperparameters(algo, {"net_arch": [64, 64]})
    learner, statistics = students.make_student(TrainerConfig(algo=algo), settings, space, sets[0].action_space)
    kind = CATEGORICAL if sets[0].actions.kind == CATEGORICAL else SQUASHED if algo == "sac" else GAUSSIAN
    lessons = lessons_of(list(enumerate(sets)), kind, labels)
    students.fill_statistics(statistics, lessons.observations, sets, len(labels), 0.99)
    student = Student(learner, statistics, 1.0)
    for epoch in range(epochs):
        order = balanced_order(lessons.teacher, [1.0] * len(sets), np.random.default_rng(epoch))
        student.learn(lessons.rows(order), 128, lambda done, epoch=epoch: 3e-3 * (1.0 - 0.99 * (epoch + done) / epochs))
    return student


def likeness(student: Student, data: DataSet, labels: Sequence[str] = ()) -> float:
    """Return the share of equal best actions, or the mean distance of actions, of a student and its teacher's data."""
    answers = student.answer(students.labelled_rows(data.observations, data, labels))
    return distributions.likeness(data.actions.as_kind(answers.kind), answers)
