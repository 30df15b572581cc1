"""Runs from unknown authors, or damaged: checkpoints, tables and settings are read or refused in one line, in a short time."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from changed_files import CHANGES, ROBOT, answers, broken, fuzz_tree, one_joint_robot, to_yaml

from rl_trainer_ros.algorithms.sb3_learner import Sb3Learner
from rl_trainer_ros.bringup.launch_arguments import BringupConfig
from rl_trainer_ros.cli.commands.curves import CurvesOptions
from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions
from rl_trainer_ros.cli.commands.robot.calibrate import CalibrateOptions
from rl_trainer_ros.cli.commands.robot.ros2_control import Ros2ControlOptions
from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions
from rl_trainer_ros.training.callbacks.evaluation_log import EvaluationLog
from rl_trainer_ros.training.checkpoints import contents, folders, resume, trained_models
from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.curves.episodes import read_episodes, read_evaluations
from rl_trainer_ros.training.runs import robot_files, run_folder
from rl_trainer_ros.training.runs.run_tables import read_table
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_driver_ros.driver_config import DriverNodeConfig
from robot_interface_ros.config import ConfigError, from_mapping
from robot_interface_ros.files.untrusted_files import FileError
from robot_interface_ros.robot_config import load_robot
from robot_sim_ros.sim_config import SimConfig

pytestmark = [pytest.mark.slow, pytest.mark.bad_input, pytest.mark.xdist_group("untrusted_files")]


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    return one_joint_robot(tmp_path)


@pytest.fixture
def checkpoint(sac_run: Path, tmp_path: Path) -> Path:
    """A copy of its last checkpoint."""
    return Path(shutil.copytree((sac_run / "final").resolve(), tmp_path / "checkpoint"))


def loaded(checkpoint: Path) -> trained_models.Policy:
    """Read everything in a checkpoint, as resume and evaluate do."""
    contents.check_whole(folders.read(checkpoint))
    return trained_models.load(checkpoint)


def test_checkpoints(checkpoint: Path) -> None:
    def read() -> None:
        loaded(checkpoint)

    for name in (folders.ABOUT, contents.STATISTICS, contents.RANDOM):
        fuzz_tree(checkpoint / name, json.dumps, read)
    path, chance = checkpoint / contents.PARAMETERS, random.Random(7)
    whole = path.read_bytes()
    for _ in range(CHANGES):
        header = whole[:8] + broken(whole[8:2000], chance) + whole[2000:]
        path.write_bytes(chance.choice([broken(whole, chance), header]))
        answers(read, path)


def test_replay_buffers(checkpoint: Path) -> None:
    policy = trained_models.load(checkpoint)
    found = folders.read(checkpoint)
    path, chance = checkpoint / contents.REPLAY, random.Random(9)
    whole = path.read_bytes()
    for _ in range(CHANGES):
        path.write_bytes(broken(whole, chance))
        answers(lambda: contents.load_replay(found, Sb3Learner(policy.algorithm)), path)


def test_run_folders(sac_run: Path, tmp_path: Path) -> None:
    (tmp_path / "versions.txt").write_text("")
    path = tmp_path / "config.yaml"
    path.write_text((sac_run / "config.yaml").read_text())

    def read() -> None:
        run_folder.load_config(tmp_path)
        run_folder.hyperparameters_of(tmp_path)

    fuzz_tree(path, to_yaml, read)
    path = tmp_path / "result.json"
    path.write_text((sac_run / "result.json").read_text())
    fuzz_tree(path, json.dumps, lambda: run_folder.training_s_of(tmp_path))


def test_a_run_whose_settings_are_cut_is_refused(sac_run: Path, tmp_path: Path) -> None:
    """Wherever the file ends within its settings: else those after that place would take their defaults."""
    lines = (sac_run / "config.yaml").read_text().splitlines(keepends=True)
    path = tmp_path / "config.yaml"
    for end in range(2, lines.index("hyperparameters:\n") + 1):
        path.write_text("".join(lines[:end]))
        with pytest.raises(ConfigError, match=f"^{path}.*(lacks hyperparameters, robot|not valid YAML)") as caught:
            run_folder.load_config(tmp_path)
        assert "\n" not in str(caught.value)
    path.write_text("trainer:\n  task: button\n")
    with pytest.raises(ConfigError, match=r"is cut, it lacks .*; trainer lacks .*robot, .* and \d+ more: restore it"):
        run_folder.load_config(tmp_path)


@pytest.mark.parametrize("name, said", [("checkpoints", "is not a folder"), ("monitor.csv", "is not a regular file")])
def test_what_stands_in_the_place_of_a_runs_files_is_told_before_a_resume(
    name: str, said: str, sac_run: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(sac_run, tmp_path / "run", symlinks=True) / name
    if place.is_dir():
        shutil.rmtree(place)
        place.touch()
    else:
        place.unlink()
        place.mkdir()
    with pytest.raises((ModelError, FileError), match=f"{place} {said}"):
        resume.start(TrainerConfig(resume=str(place.parent), num_timesteps=10**6))


def test_tables(sac_run: Path, tmp_path: Path) -> None:
    chance = random.Random(11)
    header = "steps,episodes,success_rate,success_rate_low,success_rate_high\n"
    for name, whole in (
        ("monitor.csv", (sac_run / "monitor.csv").read_bytes()),
        ("progress.csv", (sac_run / "progress.csv").read_bytes() or b"a,b\n1,2\n"),
        ("evaluations.csv", (header + "100,20,0.5,0.4,0.6\n200,20,0.6,0.5,0.7\n").encode()),
    ):
        path = tmp_path / name
        for _ in range(CHANGES):
            path.write_bytes(broken(whole, chance))
            answers(lambda path=path: read_table(path), path.read_bytes())  # type: ignore[misc]
            answers(lambda: read_episodes(tmp_path), path)
            answers(lambda: read_evaluations(tmp_path), path)
            answers(lambda: EvaluationLog(tmp_path, 150), path)
    path = tmp_path / "progress.csv"
    path.write_bytes(b"time/total_timesteps,loss\n64,0.5\n" + b"\0" * 4096 + b"\n128,0.25\n")
    assert [row["loss"] for row in read_table(path)] == [
        "0.5",
        "0.25",
    ]  # what a power failure filled with NUL is left out


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"algo": ["sac"]}, r"about.json: algo is \['sac'\]; expected text"),
        ({"saved_ns": "yesterday"}, "about.json: saved_ns is 'yesterday'; expected a whole number"),
        ({"num_timesteps": 10**40}, "about.json: num_timesteps is 1000"),
        ({"num_timesteps": -1}, "num_timesteps is -1; expected a whole number from 0"),
        ({"training_s": math.nan}, "training_s is nan; expected a number from 0"),
        ({"logs": {"monitor.csv": "9"}}, "logs: monitor.csv is '9'; expected a whole number"),
        ({"counters": {"_n_updates": []}}, r"counters: _n_updates is \[\]; expected a whole number"),
        ({"hyperparameters": {"net_arch": [200_000, 200_000]}}, "net_arch has a layer of 200000 to 200000 neurons"),
        ({"hyperparameters": {"learning_rate": "fast"}}, "learning_rate is 'fast'; expected a number above 0"),
        (
            {"observation_space": {"box": [10**9], "dtype": "float32", "low": 0, "high": 1}},
            "observation_space: box is 1",
        ),
        ({"action_space": {"discrete": 10**9, "start": 0}}, "action_space: discrete is 1000000000"),
    ],
)
def test_what_is_wrong_in_a_checkpoint_is_named(checkpoint: Path, changes: dict[str, Any], complaint: str) -> None:
    path = checkpoint / folders.ABOUT
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises((ModelError, ConfigError), match=complaint) as caught:
        loaded(checkpoint)
    assert str(checkpoint) in str(caught.value)


def test_resume_leaves_out_what_is_damaged_and_names_it(
    sac_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copied = Path(shutil.copytree(sac_run, tmp_path / "run", symlinks=True))
    config = dataclasses.replace(run_folder.load_config(copied), resume=str(copied), num_timesteps=1000)
    newest, *older = folders.all_of(copied)
    path = newest.folder / folders.ABOUT
    path.write_text(json.dumps({**newest.about, "saved_ns": "yesterday"}))
    chosen = resume.start(config)
    assert chosen is not None and chosen.folder == older[0].folder
    (line,) = caplog.messages
    assert line.startswith(f"left out: {newest.folder} is damaged") and "saved_ns is 'yesterday'" in line
    for one in older:
        (one.folder / contents.RANDOM).write_text(json.dumps({"python": [3, [], None]}))
    with pytest.raises(ModelError, match=f"no checkpoint of {copied} is complete, 2 cannot be read"):
        resume.start(config)
    assert all((one.folder / contents.PARAMETERS).is_file() for one in (newest, *older))


def test_a_robot_that_changed_since_a_run_is_told(robot: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / robot_files.FILE).write_text(json.dumps(robot_files.record(str(robot))))
    assert robot_files.difference(run, str(robot)) == ""
    own, urdf = robot.read_text(), robot.with_name("arm.urdf")
    robot.write_text("# a comment changes nothing\n" + own)
    assert robot_files.difference(run, str(robot)) == ""
    robot.write_text(own.replace("max_acceleration: 3.0", "max_acceleration: 4.0"))
    with pytest.raises(
        ConfigError, match=rf"{robot} has changed since the run was trained .*; put the old file back, or X"
    ):
        robot_files.check(run, str(robot), "X")
    robot.write_text(own)
    urdf.write_text(ROBOT.replace('upper="1"', 'upper="2"'))
    assert f"{urdf} has changed since the run was trained" in robot_files.difference(run, str(robot))
    urdf.write_text(ROBOT)
    (tmp_path / "elsewhere").mkdir()
    moved, _ = [file.rename(tmp_path / "elsewhere" / file.name) for file in (robot, urdf)]
    assert robot_files.difference(run, str(moved)) == ""
    assert robot_files.difference(run, str(robot)).startswith(
        f"no file {robot}; the run was trained on {robot} (sha256 "
    )
    (run / robot_files.FILE).unlink()
    assert robot_files.difference(run, str(robot)) == ""  # a run of an earlier version


def test_a_home_folder_is_known_in_every_path(
    robot: Path, sac_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_robot("~/arm.yaml").model.name == "arm"
    robot.write_text(robot.read_text().replace("urdf: arm.urdf", "urdf: ~/arm.urdf"))
    load_robot.cache_clear()
    assert load_robot(str(robot)).model.name == "arm"
    shutil.copytree(sac_run, tmp_path / "runs" / "reach" / "ground_truth" / "sac" / "now", symlinks=True)
    assert run_folder.find("latest", "~/runs").name == "now"
    assert run_folder.find("~/runs/reach/ground_truth/sac/now/final").name == "now"
    for cls, names in (
        (
            TrainerConfig,
            ("robot", "world", "imperfection", "log_dir", "srl_folder", "srl_models", "resume", "load_model"),
        ),
        (BringupConfig, ("hardware", "params_file", "sim_params_file", "driver_params_file", "rviz_config")),
        (EvaluateOptions, ("run", "robot", "world", "imperfection", "video", "log_dir")),
        (CurvesOptions, ("file", "log_dir")),
        (TrainSrlOptions, ("robot", "imperfection", "log_dir", "srl_models")),
        (CalibrateOptions, ("robot", "hardware", "output")),
        (Ros2ControlOptions, ("robot", "folder")),
        (SimConfig, ("robot", "world", "imperfection")),
        (DriverNodeConfig, ("robot", "hardware")),
    ):
        paths = {field.name for field in dataclasses.fields(cls) if field.metadata.get("path")}
        assert paths == set(names), cls
        assert all(hasattr(cls, name) for name in names)
    assert from_mapping(EvaluateOptions, {"video": "~/reach.gif"}, "").video == f"{tmp_path}/reach.gif"
    with pytest.raises(ConfigError, match=r"video: ~nobody_here/x.gif begins with ~nobody_here, but this machine"):
        from_mapping(EvaluateOptions, {"video": "~nobody_here/x.gif"}, "evaluate")
