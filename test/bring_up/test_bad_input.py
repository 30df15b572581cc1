"""For a mistyped argument, every program prints one line with the known names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rl_trainer_ros.bringup import preflight, supervisor
from rl_trainer_ros.cli import main
from rl_trainer_ros.cli.commands.cross_evaluate import CrossEvaluateOptions, cross_evaluate_runs
from rl_trainer_ros.cli.commands.report import ReportOptions, write
from rl_trainer_ros.cli.commands.robot.ros2_control import Ros2ControlOptions, ros2_control
from rl_trainer_ros.distillation.continual import learn
from rl_trainer_ros.distillation.continual_config import ContinualConfig
from rl_trainer_ros.distillation.distil import distil, record_only
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.training import early_checks, learner_check
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files import paths
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.robot_config import load_robot

pytestmark = pytest.mark.bad_input
REPO = Path(__file__).resolve().parents[2]


def refused(module: str, *words: str, code: int = 2) -> str:
    """Run a program that must end with `code` and one line on standard error; return the line."""
    result = subprocess.run(
        [sys.executable, "-m", module, *words], cwd=REPO, capture_output=True, text=True, timeout=90, check=False
    )
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert (result.returncode, len(lines)) == (code, 1), result
    return lines[0]


@pytest.fixture
def refused_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The same for `rl_trainer` in this process, so that torch is imported only once. No process may start."""

    def started(*_: object) -> int:
        raise AssertionError("processes were started")

    monkeypatch.setattr(main, "interruptible", lambda: None)  # pytest's own signal handlers stay
    monkeypatch.setattr(supervisor, "run", started)

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["rl_trainer", *words])
        code = main.main()
        said = capsys.readouterr()
        lines = [line for line in said.err.splitlines() if line.strip()]
        assert (code, len(lines)) == (2, 1), said
        return lines[0]

    return run


@pytest.mark.ros
@pytest.mark.parametrize(
    ("module", "parameter", "message"),
    [
        (
            "robot_sim_ros.ros.robot_sim_node",
            "contrl_hz:=20.0",
            "robot_sim: node robot_sim: unknown parameter 'contrl_hz' (did you mean control_hz?); known: robot, control_hz, ",
        ),
        ("robot_sim_ros.ros.robot_sim_node", "physics_hz:=250.0", "not a multiple of control_hz 20; use 240 or 260"),
        (
            "robot_sim_ros.ros.robot_sim_node",
            "cameras:=[left]",
            "robot_sim: robot inmoov: unknown camera 'left' (did you mean left_eye?); known: external, above, left_eye",
        ),
        ("robot_sim_ros.ros.robot_sim_node", "robot:=imoov", "unknown robot 'imoov' (did you mean inmoov?)"),
        (
            "robot_sim_ros.ros.robot_sim_node",
            "namespaces:=[/my-robot]",
            "namespace '/my-robot' has '-' in it; only a-z, A-Z, 0-9, _ and / are allowed; write '/my_robot'",
        ),
        ("robot_sim_ros.ros.robot_sim_node", "namespaces:=[]", "robot_sim: namespaces is empty; name at least one"),
        ("robot_driver_ros.ros.robot_driver_node", "board:=mega", "unknown board 'mega'; known: mock"),
        ("srl_ros.ros.srl_node", "srl_folder:=/nowhere", "rl_trainer train_srl"),
        ("rl_trainer_ros.ros.trainer_node", "task:=reech", "unknown task 'reech' (did you mean reach?); known: reach"),
        ("rl_trainer_ros.ros.trainer_node", "algo:=ppi", "unknown algo 'ppi' (did you mean ppo?); known: ppo"),
        ("rl_trainer_ros.ros.trainer_node", "num_timesteps:=many", "num_timesteps is 'many'; expected a whole number"),
        ("rl_trainer_ros.ros.trainer_node", "seed:=-1", "seed is -1; allowed: 0 to 2147483647"),
    ],
)
def test_nodes_name_what_is_known(module: str, parameter: str, message: str, domain: int) -> None:
    pytest.importorskip("rclpy")
    assert message in refused(module, "--ros-args", "-p", parameter)


@pytest.mark.ros
def test_nodes_refuse_what_they_cannot_read(tmp_path: Path, domain: int) -> None:
    pytest.importorskip("rclpy")
    for module in ("robot_sim_ros.ros.robot_sim_node", "rl_trainer_ros.ros.trainer_node"):
        assert "cannot read 'seed:=1'; write parameters after --ros-args" in refused(module, "seed:=1")
        assert "nowhere.yaml" in refused(module, "--ros-args", "--params-file", str(tmp_path / "nowhere.yaml"))


@pytest.mark.slow
def test_the_command_line_names_what_is_known(tmp_path: Path, refused_line: Callable[..., str]) -> None:
    for words, message in (
        (["trian"], "rl_trainer: unknown command 'trian' (did you mean train?); known: train, "),
        (["train", "sede:=1"], "(did you mean seed?)"),
        (["train", "seed=1"], "cannot read 'seed=1'; write settings as name:=value"),
        (["train", "srl_model:=autoencoder", f"log_dir:={tmp_path}"], "rl_trainer train_srl srl_model:=autoencoder"),
        (["evaluate", "episodes:=0"], "evaluate: episodes is 0; allowed: 1 to 1000000"),
        (["evaluate", f"log_dir:={tmp_path}"], "rl_trainer train log_dir:="),
        (["evaluate", f"run:={tmp_path}"], "is not a run folder: it has no config.yaml"),
        (["train_srl", "srl_model:=vea"], "unknown srl_model 'vea'"),
        (["train_srl", "srl_model:=raw_pixels"], "needs no training"),
        (["train_srl", "losses:=invers"], "unknown loss 'invers'"),
        (["train_srl", "srl_model:=triplet", "cameras:=external"], "compares 2 cameras"),
        (
            ["train_srl", "srl_model:=reward_place", "cameras:=left_eye", "gaze:=target"],
            "use at least one camera beside",
        ),
    ):
        assert message in refused_line(*words)
    assert "unknown command 'trian'" in refused("rl_trainer_ros.cli.main", "trian")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["task.contacts:=3"], "task reach: unknown setting 'contacts'; known: max_episode_steps, target, "),
        (["action:=joints"], "unknown action 'joints' (did you mean joint_position?); known: joint_velocity, "),
        (["observation:=pixels"], "unknown observation 'pixels' (did you mean raw_pixels?)"),
        (["algo:=dqn"], "algo dqn does not support continuous actions; use ppo, "),
        (["algo:=ppp"], "unknown algo 'ppp' (did you mean ppo?)"),
        (["robot:=inmov"], "unknown robot 'inmov' (did you mean inmoov?)"),
        (["joint_group:=leg"], "unknown group 'leg'"),
        (["goal_conditioned:=true"], "reward shaped depends on more than goal and hand"),
        (["goal_conditioned:=true", "task.reward:=sparse", "frame_stack:=2"], "frame_stack does not work with goal"),
        (
            ["robot_source:=mock", "task:=button"],
            "task:=button needs button_0, table_contact, which robot_source:=mock",
        ),
        (
            ["robot_source:=mock", "transport:=in_process"],
            "robot_source:=mock has no effect with transport:=in_process",
        ),
        (["rviz_config:=mine.rviz"], "rviz_config has no effect without rviz:=true"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_anything_starts(
    words: list[str], message: str, refused_line: Callable[..., str]
) -> None:
    assert message in refused_line("train", *words)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes, said",
    [
        ({"hyperparameters": "{gama: 0.9}"}, "did you mean gamma?"),
        ({"algo": "sac", "preset": "few_step"}, "unknown preset 'few_step' (did you mean few_steps?)"),
        (
            {"algo": "sac", "preset": "few_steps", "namespaces": ("/a", "/b")},
            "train_freq by episodes needs num_envs:=1",
        ),
        ({"load_model": "/nowhere"}, "/nowhere is not a run folder"),
        ({"resume": "/nowhere"}, "/nowhere is not a run folder"),
        ({"policy": "cnn"}, "policy cnn does not support vector observations"),
        ({"hyperparameters": "{batch_size: 1}"}, "algo ppo refuses its settings"),
        ({"algo": "sac", "hyperparameters": "{buffer_size: 1e15}"}, "Unable to allocate"),
        ({"algo": "sac", "hyperparameters": "{train_freq: [1, foo]}"}, "or [1, episode]"),
        ({"hyperparameters": "{net_arch: [a, b]}"}, "expected a number for each hidden layer, such as [64, 64]"),
    ],
)
def test_what_the_learner_would_refuse_is_told_by_a_process_of_its_own(changes: dict[str, Any], said: str) -> None:
    with pytest.raises((ConfigError, RobotError)) as error:
        learner_check.check(replace(TrainerConfig(), **changes))
    assert said in " ".join(str(error.value).split())


@pytest.mark.parametrize("changes", [{"device": "cuda"}, {"preset": "many_robots"}])
def test_settings_that_only_the_learner_can_judge_are_checked_before_anything_starts(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = "import sys; print('not here', file=sys.stderr); sys.exit(2)"
    monkeypatch.setattr(preflight, "_command", lambda: [sys.executable, "-c", refuses])
    preflight.check_learner(TrainerConfig())  # not asked
    with pytest.raises(ConfigError, match="not here"):
        preflight.check_learner(replace(TrainerConfig(), **changes))


@pytest.mark.slow
def test_a_bad_hyperparameter_is_refused_before_anything_starts() -> None:
    """One line: no simulator was started, whose lines would come before it."""
    assert "did you mean gamma?" in refused("rl_trainer_ros.cli.main", "train", "hyperparameters.gama:=0.9")


@pytest.mark.slow
def test_a_learner_that_can_be_made_is_not_refused(tmp_path: Path) -> None:
    goals = {
        "goal_conditioned": True,
        "task_settings": "{reward: sparse}",
        "algo": "sac",
        "hyperparameters": "{her: true}",
    }
    for changes in (
        goals,
        {"observation": "raw_pixels", "frame_stack": 2, "policy": "cnn"},
        {"hyperparameters": "{gamma: 0.9}"},
    ):
        learner_check.check(replace(TrainerConfig(), **changes))


def test_what_can_be_is_not_refused_early(tmp_path: Path) -> None:
    for changes in (
        {"task": "eight", "algo": "dqn", "action": "plane_discrete"},
        {"robot": "kuka_iiwa", "observation": "raw_pixels", "frame_stack": 2},
        {"srl_model": "autoencoder", "log_dir": str(tmp_path)},
        {"goal_conditioned": True, "task_settings": "{reward: sparse}", "algo": "sac"},
    ):
        early_checks.check(TrainerConfig(**changes))


def test_help_explains_every_command_and_setting(capsys: pytest.CaptureFixture[str]) -> None:
    def shown(*words: str) -> str:
        assert main.run([*words, "--help"]) == 0
        return capsys.readouterr().out

    assert all(name in shown() for name in ("train ", "evaluate ", "train_srl "))
    assert all(f"{name}:=" in shown("train") for name in ("task", "srl_model", "num_timesteps", "seed", "max_restarts"))
    assert "episodes:=500" in shown("evaluate")
    assert "images:=" in shown("train_srl")


def test_a_robot_file_with_wrong_names_is_refused(tmp_path: Path) -> None:
    good = yaml.safe_load((share_directory() / "config" / "robots" / "inmoov.yaml").read_text())

    def error(**changes: object) -> str:
        path = tmp_path / f"robot_{len(os.listdir(tmp_path))}.yaml"
        path.write_text(yaml.safe_dump({**good, **changes}))
        with pytest.raises((ConfigError, ValueError, OSError)) as caught:
            load_robot(str(path))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "unknown joint 'r_elbow_flx_joint' (did you mean r_elbow_flex_joint?)" in error(
        rest={"r_elbow_flx_joint": 0.0}
    )
    assert "unknown group 'right_leg'" in error(articulated=["right_leg"])
    assert "end_effector: unknown link 'r_plam' (did you mean r_palm?)" in error(end_effector="r_plam")
    assert "rest of r_elbow_flex_joint is 1.0 rad; its limits are -1.396 to -0.262" in error(
        rest={"r_elbow_flex_joint": 1.0}
    )
    assert "unknown setting 'limb'" in error(limb="arm")
    assert "nowhere.urdf" in error(urdf="/nowhere.urdf")


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for check in (
        lambda: paths.check_folder("output", file),
        lambda: paths.check_folder("output", file / "below"),
        lambda: paths.check_file("file", file / "a.csv"),
        lambda: record_only(DistilConfig(teachers="gone", output=str(file))),
        lambda: distil(DistilConfig(teachers="gone", log_dir=str(file))),
        lambda: learn(ContinualConfig(tasks=("circular", "square"), folder=str(file))),
        lambda: cross_evaluate_runs(CrossEvaluateOptions("gone", file=f"{file}/a.csv")),
        lambda: cross_evaluate_runs(CrossEvaluateOptions("gone", log_dir=str(file))),
        lambda: ros2_control(Ros2ControlOptions(folder=str(file))),
        lambda: write(ReportOptions(folder=str(tmp_path), file=f"{file}/a.html")),
    ):
        with pytest.raises(
            ConfigError, match=f"(output|file|log_dir|folder) is {file}\\S*, but {file} is not a folder"
        ):
            check()
    with pytest.raises(ConfigError, match="which is a folder; give the name of a file"):
        paths.check_file("file", tmp_path)
    paths.check_file("file", file)
    paths.check_folder("output", tmp_path / "new" / "deeper")
    assert list(tmp_path.iterdir()) == [file]
