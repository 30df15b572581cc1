"""Continual learning: one task after the other by distillation or fine-tuning, and all tasks together."""

from __future__ import annotations

import csv
import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_distillations import SMALL, assert_same, killed_in, settings, silent

from rl_trainer_ros.algorithms import hyperparameters
from rl_trainer_ros.distillation import continual, distil
from rl_trainer_ros.distillation.continual_config import ContinualConfig
from rl_trainer_ros.distillation.student import Student
from rl_trainer_ros.training import resumed_settings
from rl_trainer_ros.training.checkpoints import folders
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.train import TrainingRun
from robot_interface_ros.config import ConfigError

pytestmark = [pytest.mark.distil, pytest.mark.slow, pytest.mark.xdist_group("distillation")]


@pytest.mark.bad_input
def test_continual_learning_refuses_bad_settings_before_it_keeps_them(tmp_path: Path) -> None:
    for more, said in (
        ({"robot": "inmov"}, "unknown robot 'inmov'"),
        ({"observation": "pixels"}, "unknown observation 'pixels'"),
        ({"action": "plain"}, "unknown action 'plain'"),
        ({"hyperparameters": "{gama: 1}"}, "did you mean gamma"),
        ({"algo": "sac", "hyperparameters": ""}, "sac does not support discrete actions"),
        ({"tasks": ("circular", "nothing")}, "unknown task 'nothing'"),
    ):
        with pytest.raises(ConfigError, match=said):
            continual.learn(replace(several(tmp_path / "new", "distil"), **more), silent)
    assert not (tmp_path / "new").exists()


def several(folder: Path, method: str, **more: Any) -> ContinualConfig:
    return ContinualConfig(
        tasks=("circular", "escape"),
        method=method,
        action="plane_discrete",
        num_timesteps=64,
        set_size=60,
        epochs=2,
        hyperparameters=SMALL,
        num_envs=1,
        eval_episodes=1,
        folder=str(folder),
        **more,
    )


@pytest.mark.resume
@pytest.mark.equality
def test_continual_learning_continues_between_and_within_its_stages(tmp_path: Path) -> None:
    config = several(tmp_path / "whole", "distil", from_student=True)
    matrix = continual.learn(config, report=silent)
    assert matrix.names == (["after circular", "after escape"], ["circular", "escape"])
    assert np.isfinite(matrix.values("mean_return")).all() and not matrix.reasons()
    cut = several(tmp_path / "cut", "distil", from_student=True)
    with killed_in(TrainingRun, "run", call=2):
        continual.learn(cut, report=silent)
    with killed_in(Student, "learn", call=2, after=True):
        continual.learn(cut, report=silent)
    lines: list[str] = []
    continual.learn(cut, report=lines.append)
    assert "distil: 2_student, continued" in lines and not any("1_teacher" in line for line in lines)
    assert_same(*(next((tmp_path / name).glob("2_student/*/*/*/*")) for name in ("whole", "cut")))
    assert (tmp_path / "cut" / "matrix.csv").read_text().count("\n") == 5
    with pytest.raises(ConfigError, match=r"was begun with epochs 2, not 3; give another folder"):
        continual.learn(dataclasses.replace(cut, epochs=3), report=silent)


def test_continual_learning_takes_teachers_that_are_there(teacher_runs: dict[str, Path], tmp_path: Path) -> None:
    """In any order, as runs or as recorded data; a folder that an older version began continues."""
    distil.record_only(
        settings(tmp_path, str(teacher_runs["escape"]), output=str(tmp_path / "data"), set_size=60), report=silent
    )
    folder = tmp_path / "given"
    config = several(folder, "distil", teachers=f"{tmp_path / 'data'},{teacher_runs['circular']}")
    matrix = continual.learn(config, report=silent)
    assert np.isfinite(matrix.values("mean_return")).all() and not list(folder.glob("*_teacher_*"))
    (last,) = folder.glob("2_student/*/*/*/*")
    assert run_folder.distillation_of(last)["tasks"] == ["circular", "escape"]  # type: ignore[index]
    kept = folder / continual.SETTINGS
    older = {name: value for name, value in json.loads(kept.read_text()).items() if name != "preset"}
    kept.write_text(json.dumps(older))
    assert (
        continual.learn(config, report=silent).values("mean_return").tolist() == matrix.values("mean_return").tolist()
    )
    for more, said in (
        ({"teachers": str(teacher_runs["circular"])}, "teachers has none of escape"),
        (
            {"teachers": f"{teacher_runs['reach']},{teacher_runs['circular']}"},
            "has learned reach, which is not in tasks",
        ),
        ({"teachers": f"{teacher_runs['escape']},{tmp_path / 'data'}"}, "teachers has two of escape"),
        ({"action": "plane"}, "has action plane_discrete, not plane"),
        ({"robot": "kuka_iiwa"}, "has robot inmoov, not kuka_iiwa"),
    ):
        with pytest.raises(ConfigError, match=said):
            continual.learn(replace(config, folder=str(tmp_path / "none"), **more), report=silent)
    assert not (tmp_path / "none").exists()
    for more in ({"method": "joint"}, {"from_student": True}):
        with pytest.raises(ConfigError, match="teachers has no effect with"):
            replace(config, **more)  # type: ignore[arg-type]


def test_plain_fine_tuning_and_all_tasks_at_once(tmp_path: Path) -> None:
    tuned = continual.learn(several(tmp_path / "tuned", "finetune"), report=silent)
    scores = tuned.values("mean_return")
    assert len(tuned.models) == 2 and np.isfinite(scores).all() and len(tuned.cells) == 4
    with (tmp_path / "tuned" / "matrix_transfer.csv").open(newline="", encoding="utf-8") as file:
        kept = {row["figure"]: float(row["value"]) for row in csv.DictReader(file) if row["of"] == "mean_return"}
    assert kept["forgetting"] == scores[0, 0] - scores[1, 0] == -kept["backward transfer"]
    assert np.isfinite(kept["forward transfer"])
    (run,) = (tmp_path / "tuned").glob("2_escape/*/*/*/*")
    assert run_folder.hyperparameters_of(run)["learning_rate"] == hyperparameters("ppo")["learning_rate"]
    at_once = continual.learn(several(tmp_path / "joint", "joint", preset="many_robots"), report=silent)
    assert not (tmp_path / "joint" / "matrix_transfer.csv").exists()
    assert at_once.names[0] == ["after all"] and np.isfinite(at_once.values("mean_return")).all()
    (run,) = (tmp_path / "joint").glob("1_joint/*/*/*/*")
    assert folders.read(run / "final").num_timesteps == 128
    with pytest.raises(ConfigError, match=r"trains on all tasks of .*continual\.json together"):
        resumed_settings.check_alone(str(run), "")
    resumed_settings.check_alone(str(next((tmp_path / "tuned").glob("2_escape/*/*/*/*"))), "")
    assert (
        run_folder.hyperparameters_of(run)["learning_rate"]
        == hyperparameters("ppo", preset="many_robots")["learning_rate"]
    )
    with pytest.raises(ConfigError, match="tasks is empty"):
        continual.learn(ContinualConfig(), report=silent)
    for wrong, said in (
        ({"tasks": ("circular",)}, "two or more different tasks"),
        ({"from_student": True}, "no effect"),
    ):
        with pytest.raises(ConfigError, match=said):
            dataclasses.replace(several(tmp_path, "joint"), **wrong)
