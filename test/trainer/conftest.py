"""Short trainings that several files of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def teacher_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Task -> run of a policy that has hardly learned: circular and escape with discrete actions, reach with velocities."""
    from small_distillations import DISCRETE, teacher

    folder = tmp_path_factory.mktemp("teachers")
    runs = {task: teacher(folder, **{**DISCRETE, "task": task}) for task in ("circular", "escape")}
    return {**runs, "reach": teacher(folder, action="joint_velocity")}


@pytest.fixture(scope="session")
def ppo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run of PPO, 448 steps of reach."""
    from short_trainings import settings, train

    return train(settings(tmp_path_factory.mktemp("ppo"))).folder


@pytest.fixture(scope="session")
def sac_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run of SAC, 150 steps of reach."""
    from short_trainings import settings, train

    return train(settings(tmp_path_factory.mktemp("sac"), "sac", num_timesteps=150)).folder
