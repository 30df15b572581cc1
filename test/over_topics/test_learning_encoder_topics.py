"""An encoder that learns, over topics: the SRL node takes each new one, and the results are those in process.

LEARNING_KILLS=1 also kills programs of a longer training: the trainer, which is resumed, and the SRL node, which restarts.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from rl_trainer_ros.environments import image_keeper
from rl_trainer_ros.environments.make_env import Connection, make_environment
from rl_trainer_ros.training import learning_encoder
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.ros.transport.runtime import Runtime

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.srl_node]
SAME = ("parameters.safetensors", "normalisation.json", "random_states.json")
KILLS = os.environ.get("LEARNING_KILLS") == "1"


def final(run: Path) -> tuple[list[bytes], list[str]]:
    """Return what a training has learned, and the names of its encoders."""
    names = sorted(path.name for path in (run / "encoders").iterdir() if path.is_dir())
    return [(run / "final" / name).read_bytes() for name in SAME], names


@pytest.mark.timeout(600)
def test_new_encoders_reach_the_srl_node_and_the_results_are_those_in_process(
    simulator: Callable,
    start: Callable,
    new_autoencoder: str,
    domain: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learning_encoder, "FEWEST", 20)
    monkeypatch.setattr(learning_encoder, "EPOCHS", 1)
    monkeypatch.setattr(image_keeper, "STRIDE", 4)
    config = TrainerConfig(
        transport="topics",
        srl_model="autoencoder",
        srl_folder=new_autoencoder,
        srl_learns=True,
        log_dir=str(tmp_path / "topics"),
        task_settings="{max_episode_steps: 16}",
        num_timesteps=225,
        checkpoint_every_steps=100,
        hyperparameters="{n_steps: 25, batch_size: 25, n_epochs: 1, net_arch: [8]}",
        start_timeout_s=60.0,
    )
    simulator(cameras="[external]")
    node = start("srl_ros.ros.srl_node", srl_folder=new_autoencoder)
    node.wait_for("encoding external images")
    with Runtime(domain_id=domain) as runtime:
        over_topics = TrainingRun(
            config,
            lambda name: make_environment(config, Connection("topics", name, runtime=runtime, learns_encoder=True)),
        ).run(report=print)
    here = replace(config, transport="in_process", log_dir=str(tmp_path / "here"))
    in_process = TrainingRun(here, lambda _: make_environment(here)).run(report=print)
    assert over_topics.error is None and in_process.error is None
    assert final(over_topics.folder) == final(in_process.folder)
    assert len(final(over_topics.folder)[1]) == 2  # the first one, and one that was learned
    node.wait_for("from now on")


@pytest.mark.skipif(not KILLS, reason="takes minutes; LEARNING_KILLS=1 runs it")
@pytest.mark.timeout(3600)
def test_killed_programs_of_a_training_whose_encoder_learns_change_nothing(
    start: Callable, new_autoencoder: str, tmp_path: Path
) -> None:
    from runs import child, only_run, wait_for_steps

    words = [
        *("srl_model:=autoencoder", f"srl_folder:={new_autoencoder}", "srl_learns:=true", "num_timesteps:=1600"),
        *("checkpoint_every_steps:=400", "log_interval_s:=0.2"),
        "hyperparameters:={n_steps: 100, batch_size: 50, n_epochs: 2, net_arch: [8]}",
    ]
    whole = start("rl_trainer_ros.cli.main", "train", *words, "transport:=in_process", f"log_dir:={tmp_path / 'whole'}")
    assert whole.wait(1200.0) == 0
    run = start("rl_trainer_ros.cli.main", "train", *words, f"log_dir:={tmp_path / 'cut'}")
    wait_for_steps(run, 900, 600.0)
    os.kill(child(run, "srl_ros.ros.srl_node"), signal.SIGKILL)
    wait_for_steps(run, 1300, 600.0)
    os.kill(child(run, "rl_trainer_ros.ros.trainer_node"), signal.SIGKILL)
    assert run.wait(300.0) != 0
    again = start("rl_trainer_ros.cli.main", "train", f"resume:={only_run(tmp_path / 'cut')}", "transport:=topics")
    wait_for_steps(again, 1400, 600.0)
    os.kill(child(again, "srl_ros.ros.srl_node"), signal.SIGKILL)
    assert again.wait(1200.0) == 0
    assert final(only_run(tmp_path / "cut")) == final(only_run(tmp_path / "whole"))
