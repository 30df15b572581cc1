"""Processes are killed in the middle of a run: training continues, or ends in order with a saved model."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
from runs import child, only_run, wait_for_steps

from rl_trainer_ros.training.checkpoints import trained_models

pytestmark = [pytest.mark.faults, pytest.mark.ros]


def test_a_killed_simulator_is_restarted_and_its_episode_named(start: Callable, tmp_path: Path) -> None:
    run = start(
        "rl_trainer_ros.cli.main", "train", "num_timesteps:=6000", "log_interval_s:=0.2", f"log_dir:={tmp_path}"
    )
    steps = wait_for_steps(run, 300)
    os.kill(child(run, "robot_sim_ros.ros.robot_sim_node"), signal.SIGKILL)
    line = run.wait_for("episode interrupted: ")
    assert re.search(r"/env_0 (refused the command: .*restarted|sent \w+ .*restarted)", line), line
    wait_for_steps(run, steps + 300)
    assert run.wait() == 0
    assert "finished after 6,144 steps" in "\n".join(run.lines)
    assert json.loads((only_run(tmp_path) / "result.json").read_text())["ended"] == "finished"
    assert trained_models.load(only_run(tmp_path) / "final").about["num_timesteps"] == 6144


def test_when_no_restart_is_left_the_trainer_ends_with_an_error_and_a_model(start: Callable, tmp_path: Path) -> None:
    run = start(
        "rl_trainer_ros.cli.main",
        "train",
        "num_timesteps:=1000000",
        "log_interval_s:=0.2",
        "max_restarts:=1",
        "start_timeout_s:=15.0",
        "answer_timeout_s:=15.0",
        f"log_dir:={tmp_path}",
    )
    steps = wait_for_steps(run, 300)
    os.kill(child(run, "robot_sim_ros.ros.robot_sim_node"), signal.SIGKILL)
    run.wait_for("episode interrupted: ")
    wait_for_steps(run, steps)
    os.kill(child(run, "robot_sim_ros.ros.robot_sim_node"), signal.SIGKILL)
    assert run.wait() == 3
    output = "\n".join(run.lines)
    assert "max_restarts:=1 within 600 s is used up" in output
    assert re.search(
        r"trainer: /env_0: no answer on /env_0/joint_states, /env_0/target_pose within 15 s; is robot_sim_node", output
    )
    folder = only_run(tmp_path)
    result = json.loads((folder / "result.json").read_text())
    assert result["ended"] == "failed" and "no answer" in result["error"]
    assert trained_models.load(folder / "final").about["num_timesteps"] > steps


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves_in_order(number: int, start: Callable, tmp_path: Path) -> None:
    run = start(
        "rl_trainer_ros.cli.main", "train", "num_timesteps:=1000000", "log_interval_s:=0.2", f"log_dir:={tmp_path}"
    )
    wait_for_steps(run, 300)
    simulator = child(run, "robot_sim_ros.ros.robot_sim_node")
    run.signal(number)
    assert run.wait() == 0
    assert "stopped after" in "\n".join(run.lines)
    assert trained_models.load(only_run(tmp_path) / "final").about["num_timesteps"] > 300
    assert not Path(f"/proc/{simulator}").exists()


@pytest.mark.srl_node
@pytest.mark.timeout(600)  # three programs import torch, twice
def test_a_killed_srl_node_costs_no_episode(start: Callable, tmp_path: Path, random_encoder: str) -> None:
    """Its answer depends only on the image: the new node encodes the repeated image, and no data is lost."""
    run = start(
        "rl_trainer_ros.cli.main",
        "train",
        "srl_model:=random",
        f"srl_folder:={random_encoder}",
        "num_timesteps:=2000",
        "log_interval_s:=0.2",
        f"log_dir:={tmp_path}",
    )
    steps = wait_for_steps(run, 200, 200.0)
    os.kill(child(run, "srl_ros.ros.srl_node"), signal.SIGKILL)
    wait_for_steps(run, steps + 200, 200.0)
    assert run.wait(200.0) == 0
    output = "\n".join(run.lines)
    assert "srl was killed by SIGKILL; started again (1 of 3)" in output
    assert "episode interrupted" not in output and "finished after 2,048 steps" in output
