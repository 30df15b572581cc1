"""Whole distillations: students as runs, images, resuming, robots that do not answer, bad input."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_distillations import assert_same, killed_in, settings, silent

from rl_trainer_ros.cli.commands.curves import CurvesOptions, draw_curves
from rl_trainer_ros.cli.commands.distillation.distil import read, run_distillation
from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions, evaluate_run
from rl_trainer_ros.distillation import data_set, distil, recording
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.distributions import GAUSSIAN
from rl_trainer_ros.distillation.student import Student
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.paths import joined_paths

pytestmark = [pytest.mark.distil, pytest.mark.slow, pytest.mark.xdist_group("distillation")]


@pytest.mark.resume
@pytest.mark.equality
def test_a_student_of_two_teachers_is_a_run_and_is_resumed_to_the_same_bits(
    teacher_runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(
        tmp_path,
        f"{teacher_runs['circular']},{teacher_runs['escape']}",
        task_labels=("all",),
        student_rounds=1,
        eval_every_epochs=8,
        eval_episodes=1,
    )
    whole = distil.distil(config, report=silent)
    assert run_folder.load_config(whole).task_labels == ("circular", "escape")
    section = run_folder.distillation_of(whole)
    assert section is not None and section["tasks"] == ["circular", "escape"]
    data = [data_set.read(path) for path in sorted((whole / "data").iterdir())]
    assert [(one.task, len(one), one.notes["recorded_by"]) for one in data] == [
        ("circular", 40, "teacher"),
        ("escape", 40, "teacher"),
        ("circular", 40, "student"),
        ("escape", 40, "student"),
    ]

    with killed_in(Student, "learn", call=7, after=True):
        distil.distil(config, report=silent)
    (cut,) = (run for run in whole.parent.iterdir() if run != whole)
    lines: list[str] = []
    with pytest.raises(ConfigError, match="is a distillation; continue it with .*distil resume:="):
        TrainingRun(TrainerConfig(resume=str(cut), transport="in_process"), lambda _: None)  # type: ignore[arg-type, return-value]
    assert distil.distil(DistilConfig(resume=str(cut)), report=lines.append) == cut
    assert "continues after 6 epochs" in lines[0]
    assert_same(whole, cut)
    with pytest.raises(ConfigError, match="is finished; train its student further"):
        distil.distil(DistilConfig(resume=str(cut)), report=silent)

    assert (whole / "evaluations.csv").read_text().count("\n") == 2
    assert draw_curves(CurvesOptions(run=str(whole))) == 0 and (whole / "learning_curve.png").is_file()
    assert evaluate_run(EvaluateOptions(run=str(whole), episodes=1)) == 0
    assert "unseen targets" in capsys.readouterr().out
    tuned = TrainerConfig(
        transport="in_process",
        load_model=str(whole),
        task="escape",
        action="plane_discrete",
        task_labels=("circular", "escape"),
        log_dir=str(tmp_path / "tuned"),
        hyperparameters="{n_steps: 64, batch_size: 64}",
        num_timesteps=64,
    )
    assert TrainingRun(tuned, lambda _: make_environment(tuned)).run(report=silent).error is None


def test_a_teacher_that_sees_the_target_teaches_a_student_that_sees_pixels(
    teacher_runs: dict[str, Path], tmp_path: Path
) -> None:
    config = settings(
        tmp_path,
        str(teacher_runs["reach"]),
        observation="raw_pixels",
        observation_settings="{image_width: 40, image_height: 36}",
        frame_stack=2,
        task_labels=("reach", "button"),
        set_size=24,
        epochs=1,
        num_envs=1,
        batch_size=8,
    )
    run = distil.distil(config, report=silent)
    (folder,) = (run / "data").iterdir()
    data = data_set.read(folder)
    assert data.observations.shape == (24, 36, 40, 6) and data.observations.dtype == np.uint8
    assert data.actions.kind == GAUSSIAN and data.actions.arrays["mean"].shape == (24, 5)
    assert trained_models.load(run / "final").algorithm.observation_space.shape == (10, 36, 40)
    assert evaluate_run(EvaluateOptions(run=str(run), episodes=1)) == 0


@pytest.mark.bad_input
def test_bad_input_is_one_line(teacher_runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    circular, reach = str(teacher_runs["circular"]), str(teacher_runs["reach"])
    (tmp_path / "empty").mkdir()
    for more, said in (
        (
            {"teachers": f"{circular},{reach}"},
            "teachers of one student need the same action: .* plane_discrete, .* joint_velocity",
        ),
        ({"teachers": str(tmp_path / "gone")}, "is not a run folder"),
        ({"teachers": str(tmp_path / "empty")}, "is an empty folder"),
        ({"teachers": ""}, "teachers is empty"),
        ({"teachers": circular, "algo": "sac"}, "algo sac does not support discrete actions"),
        ({"teachers": circular, "task_labels": ("square",)}, "task_labels lacks circular"),
        ({"teachers": circular, "task_labels": ("circular", "moon")}, "unknown task 'moon'"),
        ({"teachers": circular, "set_size": 1, "student_rounds": 3}, "give at least 4 samples"),
        ({"teachers": circular, "observation": "raw_pixel"}, "raw_pixels"),
        ({"teachers": circular, "hyperparameters": "{gama: 1}"}, "did you mean gamma"),
    ):
        with pytest.raises((ConfigError, trained_models.ModelError), match=said) as raised:
            distil.distil(settings(tmp_path, **more), report=silent)
        assert "\n" not in str(raised.value)
    for words, said in (
        (["teachers:=a", "temperature:=0"], "temperature is 0"),
        (["teachers:=a", "temperature:=warm"], "temperature is 'warm'"),
        (["teachers:=a,b", "balance:=[1]"], "balance has 1 shares for 2 teachers"),
        (["teachers:=a", "task.contacts:=3"], "distil has no setting task.contacts"),
        (["teachers:=a", "output:=b", "student_rounds:=1"], "leave one out"),
    ):
        with pytest.raises(ConfigError, match=said):
            read(words)
    assert read(["teachers:=a", "hyperparameters.net_arch:=[8]"]).hyperparameters == "{net_arch: [8]}"
    monkeypatch.setattr(recording, "available_memory", lambda: 5_000_000)
    large = settings(tmp_path, circular, set_size=1_000_000)
    with pytest.raises(ConfigError, match=r"1,000,000 samples take \S+ GB, .* use set_size:=\d+"):
        distil.distil(large, report=silent)
    with pytest.raises(ConfigError, match="1,000,000 samples take"):
        distil.record_only(replace(large, output=str(tmp_path / "data")), report=silent)
    assert not list(tmp_path.glob("*/*/*/*/config.yaml"))


@pytest.mark.resume
@pytest.mark.equality
def test_a_student_is_continued_without_its_teachers(teacher_runs: dict[str, Path], tmp_path: Path) -> None:
    """Once all samples are recorded, the teachers' runs may have been moved or deleted, or have other commas in their path."""
    odd = tmp_path / 'teachers, "old"'
    odd.mkdir()
    gone = [Path(shutil.copytree(teacher_runs[task], odd / task, symlinks=True)) for task in ("circular", "escape")]
    config = settings(tmp_path / "students", joined_paths([str(folder) for folder in gone]), set_size=40)
    whole = distil.distil(config, report=silent)
    with killed_in(Student, "learn", call=2):
        distil.distil(config, report=silent)
    (cut,) = (run for run in whole.parent.iterdir() if run != whole)
    shutil.move(odd / "circular", tmp_path / "moved")
    shutil.rmtree(odd)
    with pytest.raises(ConfigError, match="epochs is 4 in the continued distillation and cannot be changed to 9"):
        distil.distil(DistilConfig(resume=str(cut), epochs=9), report=silent)
    shutil.move(cut / "data" / "0_circular", tmp_path / "aside")  # as after a kill while it was recorded
    with pytest.raises(ConfigError, match="is not a run folder.* name their places: teachers:=..."):
        distil.distil(DistilConfig(resume=str(cut)), report=silent)
    places = joined_paths([str(tmp_path / "moved"), str(odd / "escape")])
    assert distil.distil(DistilConfig(resume=str(cut), teachers=places, log_interval_s=1.0), report=silent) == cut
    assert_same(whole, cut)


@pytest.mark.bad_input
def test_a_robot_that_does_not_answer_leaves_no_empty_run(teacher_runs: dict[str, Path], tmp_path: Path) -> None:
    """Without data the run is removed; with those of the first teacher it stays, and the line to continue is named."""

    def silent_robot(student: Any, its_teacher: Any) -> Any:
        raise RobotError("/env_0: nobody serves /env_0/joint_states")

    def silent_later(student: Any, its_teacher: Any) -> Any:
        return recording.simulated(1)(student, its_teacher) if its_teacher.task == "circular" else silent_robot(0, 0)

    config = settings(tmp_path, f"{teacher_runs['circular']},{teacher_runs['escape']}", set_size=40)
    lines: list[str] = []
    with pytest.raises(RobotError, match="nobody serves"):
        distil.distil(config, silent_robot, lines.append)
    assert not list(tmp_path.glob("*/*/*/*/config.yaml")) and not any("resume:=" in line for line in lines)
    with pytest.raises(RobotError, match="nobody serves"):
        distil.distil(config, silent_later, lines.append)
    (run,) = tmp_path.glob("*/*/*/*")
    assert lines[-1].endswith(f"distil resume:={run}")


def test_a_continued_distillation_records_where_it_began(
    teacher_runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in process, if that was over topics: the robot may be a physical one."""
    seen: list[Any] = []

    @contextmanager
    def served(names: Any) -> Any:
        seen.append(list(names))
        yield killed

    def killed(student: Any, its_teacher: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "served", served)
    config = settings(tmp_path, str(teacher_runs["circular"]), transport="topics", namespaces=("/left", "/right"))
    for again in (config, DistilConfig(resume="latest", log_dir=str(tmp_path))):
        with pytest.raises(KeyboardInterrupt):
            run_distillation(again)
    assert seen == [["/left", "/right"]] * 2
    assert "records on the robots in /left, /right, over topics" in capsys.readouterr().out
