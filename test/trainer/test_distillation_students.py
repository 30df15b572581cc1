"""Students of teacher data that are made without a robot: agreement, labels, shares, divergence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from made_students import OBSERVED, gaussian_of, likeness, made_data, taught

from rl_trainer_ros.algorithms import hyperparameters
from rl_trainer_ros.distillation import student as students
from rl_trainer_ros.distillation.distributions import CATEGORICAL, GAUSSIAN
from rl_trainer_ros.distillation.student import balanced_order, lessons_of
from rl_trainer_ros.training.checkpoints.saver import Diverged
from rl_trainer_ros.training.trainer_config import TrainerConfig

pytestmark = [
    pytest.mark.distil,
    pytest.mark.slow,
    pytest.mark.xdist_group("distillation"),
    pytest.mark.usefixtures("one_torch_thread"),
]


def test_a_student_of_enough_data_agrees_with_its_teacher() -> None:
    student = taught([made_data(CATEGORICAL, 4000, 0)], epochs=15)
    assert likeness(student, made_data(CATEGORICAL, 3000, 1)) > 0.99


@pytest.mark.parametrize("algo", ["ppo", "sac"])
def test_a_student_of_enough_data_moves_as_its_teacher_does(algo: str) -> None:
    student = taught([made_data(GAUSSIAN, 2000, 0)], algo, epochs=20)
    assert likeness(student, made_data(GAUSSIAN, 3000, 1)) < 0.02


def test_a_label_tells_contradicting_teachers_apart() -> None:
    teachers = [made_data(CATEGORICAL, 2000, 0), made_data(CATEGORICAL, 2000, 2, "square", sign=-1.0)]
    labels = ("circular", "square")
    fresh = [made_data(CATEGORICAL, 2000, 5), made_data(CATEGORICAL, 2000, 6, "square", sign=-1.0)]
    with_labels, without = taught(teachers, labels=labels, epochs=10), taught(teachers, epochs=3)
    assert min(likeness(with_labels, data, labels) for data in fresh) > 0.97
    assert sum(likeness(without, data) for data in fresh) / 2 < 0.7


def test_each_teacher_has_its_share_whatever_it_has_recorded() -> None:
    teacher = np.array([0] * 90 + [1] * 10)
    order = balanced_order(teacher, [1.0, 3.0], np.random.default_rng(0))
    assert len(order) == 100 and (teacher[order] == 0).sum() == 25 and (teacher[order] == 1).sum() == 75
    even = balanced_order(np.repeat([0, 1], 50), [1.0, 1.0], np.random.default_rng(0))
    assert sorted(even) == list(range(100))
    other = balanced_order(teacher, [1.0, 3.0], np.random.default_rng(1))
    assert set(order[teacher[order] == 0]) != set(other[teacher[other] == 0])


def test_returns_are_scaled_as_training_scales_them() -> None:
    """Rewards of 1 at gamma 1/2: 1, 1.5, 1.75 after a start, each robot by itself."""
    data = dataclasses.replace(
        made_data(CATEGORICAL, 6, 0), starts=np.array([1, 1, 0, 0, 0, 0], bool), robot=np.array([0, 1, 0, 1, 0, 1])
    )
    _, statistics = students.make_student(TrainerConfig(), hyperparameters("ppo"), OBSERVED, data.action_space)
    students.fill_statistics(statistics, data.observations, [data], 0, 0.5)
    assert statistics.ret_rms.var == pytest.approx(np.var([1.0, 1.0, 1.5, 1.5, 1.75, 1.75]))
    assert np.allclose(statistics.obs_rms.mean, data.observations.mean(axis=0))


@pytest.mark.bad_input
def test_a_student_that_diverges_says_so_in_one_line(tmp_path: Path) -> None:
    student = taught([made_data(GAUSSIAN, 20, 0)], epochs=1)
    wild = lessons_of([(0, gaussian_of(mean=1e30))], GAUSSIAN, ())
    with pytest.raises(Diverged, match="the learning has diverged"):
        student.learn(wild, 8, lambda done: 1e-3)
    with pytest.raises(Diverged, match="the learning has diverged"):
        student.measure(wild)
    with torch.no_grad():
        next(iter(student._learner.algorithm.policy.parameters())).fill_(float("nan"))
    with pytest.raises(Diverged, match="the learning has diverged") as raised:
        student.measure(lessons_of([(0, made_data(GAUSSIAN, 20, 0))], GAUSSIAN, ()))
    assert "\n" not in str(raised.value)
