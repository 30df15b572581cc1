"""Printed command lines work when they are copied: the program is found, and every word arrives unchanged."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rl_trainer_ros.bringup.launch_arguments import resolve_values
from rl_trainer_ros.bringup.setting_texts import parse_words
from rl_trainer_ros.cli.commands import evaluate, train_srl
from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions
from rl_trainer_ros.evaluation.episodes import Evaluation
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.errors import ConfigError

pytestmark = pytest.mark.slow

WORDS = ("train", "log_dir:=my runs", "namespaces:=[/a, /b]", "task_settings:={contacts: 3}", "x:=$HOME'")


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment whose programs print their arguments; its path has a space."""
    folder = tmp_path / "my venv"
    (folder / "bin").mkdir(parents=True)
    for name in ("rl_trainer", "tensorboard"):
        (folder / "bin" / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (folder / "bin" / name).chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(folder))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    return folder


def printed(line: str, folder: Path) -> list[str]:
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )


def test_a_line_works_beside_and_outside_of_the_virtual_environment(
    venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(venv.parent)
    assert command_line(*WORDS).startswith("'my venv/bin/rl_trainer' train ")
    assert printed(command_line(*WORDS), venv.parent)[:-1] == list(WORDS)
    monkeypatch.chdir("/")
    assert printed(command_line("--logdir", "a b", program="tensorboard"), Path("/"))[:-1] == ["--logdir", "a b"]
    monkeypatch.setenv("PATH", f"{venv}/bin:/usr/bin:/bin")
    assert command_line("list") == "rl_trainer list"  # the environment is active


def test_a_workspace_of_ros_runs_it_through_ros2_and_else_python_does(
    venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (venv / "bin" / "rl_trainer").rename(tmp_path / "rl_trainer")
    assert command_line("list") == f"{shlex.quote(sys.executable)} -m rl_trainer_ros.cli.main list"
    installed = tmp_path / "install" / "lib" / "rl_trainer_ros"
    installed.mkdir(parents=True)
    (tmp_path / "rl_trainer").rename(installed / "rl_trainer")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/opt/ros/x:{tmp_path / 'install'}")
    assert command_line("list", "what:=tasks") == "ros2 run rl_trainer_ros rl_trainer list what:=tasks"


def test_train_srl_names_a_training_that_finds_its_encoder() -> None:
    options = TrainSrlOptions(srl_model="random", log_dir="my runs", robot="kuka_iiwa")
    words = shlex.split(train_srl._next(options))
    given = parse_words(words[words.index("train") + 1 :])
    trainer = resolve_values(given).trainer
    assert (trainer.encoder_folder, trainer.robot) == ("my runs/srl/random", "kuka_iiwa")


@pytest.mark.bad_input
def test_train_srl_records_no_more_images_than_fit_into_the_memory(tmp_path: Path) -> None:
    options = TrainSrlOptions(images=1_000_000, image_size=512)
    with pytest.raises(ConfigError, match=r"512x512 pixels of 2 cameras need 6,291\.5 GB of memory, .*record bags"):
        train_srl.recorded(options, ("external", "above"), tmp_path)


def test_evaluate_names_a_tensorboard_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "a run"
    run.mkdir()
    result = Evaluation(np.array([True]), np.array([0.01]), np.array([1.0]), np.array([3]), None)
    evaluate._finish(run, run / "final", result)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "tensorboard" in line)
    program, option, folder = shlex.split(line.partition("; ")[2])
    assert os.access(program, os.X_OK) or os.path.dirname(program) == ""
    assert (option, folder) == ("--logdir", str(run))


def test_long_commands_tell_how_far_they_are_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rl_trainer_ros.cli import shown_progress

    now = iter([0.0, 4.0, 12.0, 15.0, 30.0])
    monkeypatch.setattr(shown_progress.time, "monotonic", lambda: next(now))
    progress = shown_progress.Progress("episode", 40)
    for done in (5, 10, 12, 20):
        progress.show(done)
    assert capsys.readouterr().err.splitlines() == [
        "  10 of 40 episodes, 36 s left",
        "  20 of 40 episodes, 30 s left",
    ]
