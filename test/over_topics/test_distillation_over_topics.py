"""Teacher data that are recorded over topics: the same as in process, and of several robots at the same time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_distillations
from small_distillations import silent

pytest.importorskip("rclpy")
from rl_trainer_ros.distillation import data_set, distil
from rl_trainer_ros.distillation.data_set import DataSet
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.recording import served

pytestmark = [pytest.mark.distil, pytest.mark.ros, pytest.mark.slow, pytest.mark.xdist_group("distillation_topics")]
SAMPLES = 300  # more than an episode's 250 steps, so that a reset is among them


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_distillations.teacher(tmp_path_factory.mktemp("teacher"))


def recorded(teacher: Path, folder: Path, namespaces: tuple[str, ...] = ()) -> DataSet:
    config = DistilConfig(teachers=str(teacher), output=str(folder), set_size=SAMPLES, num_envs=1)
    if namespaces:
        with served(namespaces) as make_robots:
            (written,) = distil.record_only(config, make_robots, silent)
    else:
        (written,) = distil.record_only(config, report=silent)
    return data_set.read(written)


@pytest.mark.equality
def test_a_teacher_is_recorded_over_topics_as_in_process(
    teacher: Path, simulator: Callable[..., Any], tmp_path: Path
) -> None:
    simulator(namespaces="[/env_0]")
    one, other = recorded(teacher, tmp_path / "topics", ("/env_0",)), recorded(teacher, tmp_path / "in_process")
    assert one.starts.sum() >= 2 and len(one) == SAMPLES
    for name in ("observations", "rewards", "starts", "robot"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name, array in other.actions.arrays.items():
        assert np.array_equal(one.actions.arrays[name], array), name


def test_several_robots_are_recorded_at_the_same_time(
    teacher: Path, simulator: Callable[..., Any], tmp_path: Path
) -> None:
    simulator(namespaces="[/env_0,/env_1]")
    data = recorded(teacher, tmp_path / "topics", ("/env_0", "/env_1"))
    assert data.robot.tolist() == [0, 1] * (SAMPLES // 2)
    first = [data.observations[data.robot == robot] for robot in (0, 1)]
    assert not np.array_equal(*first)  # other targets: each robot has a seed of its own
