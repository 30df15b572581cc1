"""An encoder that learns during a training: new ones are used, kept and found again, and a resumed run repeats the bits."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions, evaluate_run
from rl_trainer_ros.environments import image_keeper
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.training import learning_encoder
from rl_trainer_ros.training.cross_evaluation import models
from rl_trainer_ros.training.cross_evaluation.measure import cross_evaluate
from rl_trainer_ros.training.cross_evaluation.tasks import evaluated
from rl_trainer_ros.training.learning_encoder import LearningEncoder
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from srl_ros.encoder import Encoder

pytestmark = [pytest.mark.slow, pytest.mark.resume, pytest.mark.xdist_group("checkpoints"), pytest.mark.timeout(300)]


@pytest.fixture
def config(new_autoencoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainerConfig:
    monkeypatch.setattr(learning_encoder, "FEWEST", 20)
    monkeypatch.setattr(learning_encoder, "EPOCHS", 1)
    monkeypatch.setattr(image_keeper, "STRIDE", 4)
    return TrainerConfig(
        transport="in_process",
        srl_model="autoencoder",
        srl_folder=new_autoencoder,
        srl_learns=True,
        log_dir=str(tmp_path),
        task_settings="{max_episode_steps: 16}",
        num_timesteps=250,
        checkpoint_every_steps=100,
        eval_every_steps=225,
        eval_episodes=1,
        hyperparameters="{n_steps: 25, batch_size: 25, n_epochs: 1, net_arch: [8]}",
    )


class FailAt(BaseCallback):
    """Ends a training as a broken robot does."""

    def __init__(self, steps: int):
        super().__init__()
        self._steps = steps

    def _on_step(self) -> bool:
        if self.num_timesteps == self._steps:
            raise RuntimeError("broken")
        return True


def trained(config: TrainerConfig, lines: list[str], *callbacks: BaseCallback) -> Path:
    run = TrainingRun(config, lambda _: make_environment(config))
    return run.run(report=lines.append, callbacks=callbacks).folder


def about(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "about.json").read_text())
    return found


def test_a_new_encoder_is_used_kept_and_repeated_by_a_resumed_run(
    config: TrainerConfig, new_autoencoder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []
    whole = trained(config, lines)
    first, at = (
        Encoder.load(new_autoencoder),
        {path.name: about(path)["encoder"] for path in (whole / "checkpoints").iterdir()},
    )
    assert at["000000100_exact"] == first.id  # the first boundary only begins to learn
    second = at["000000200_exact"]
    assert second.startswith("autoencoder-") and second != first.id and f"new encoder {second}" in "\n".join(lines)
    assert about(whole / "final")["encoder"] == second
    new = Encoder.load(whole / "encoders" / second)
    assert new.weights()["mean"].equal(first.weights()["mean"])  # states keep their scale
    assert new.cameras == first.cameras and new.state_dim == first.state_dim
    assert not list((whole / "encoders").glob(".training_*"))

    cut = trained(config, [], FailAt(215))
    resumed = trained(replace(config, resume=str(cut)), [])
    assert resumed == cut and (cut / "encoders" / second).is_dir()
    for name in ("parameters.safetensors", "normalisation.json", "random_states.json"):
        assert (whole / "final" / name).read_bytes() == (cut / "final" / name).read_bytes(), name
    lasting = [
        [line.rpartition(",")[0] for line in (run / "evaluations.csv").read_text().splitlines()] for run in (whole, cut)
    ]
    assert lasting[0] == lasting[1]  # the last column is the duration

    assert evaluate_run(EvaluateOptions(run=str(whole), episodes=1)) == 0  # with the encoder of the model
    assert evaluate_run(EvaluateOptions(run=str(whole / "checkpoints" / "000000100_exact"), episodes=1)) == 0
    capsys.readouterr()

    found = models.find([str(whole / "checkpoints" / "000000100_exact"), str(whole / "final")], str(whole), "final")
    assert [Path(model.config.encoder_folder).name for model in found] == [first.id, second]  # each with its own
    matrix = cross_evaluate(found, ["early", "late"], evaluated([model.config for model in found]), 1)
    assert [cell.reason for cell in matrix.cells.values()] == ["", ""]


def test_an_encoder_that_cannot_be_trained_leaves_the_present_one(
    config: TrainerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning_encoder, "EPOCHS", 0)
    lines: list[str] = []
    folder = trained(replace(config, num_timesteps=225, eval_every_steps=0), lines)
    assert "the encoder has not learned: encoder.json: epochs is 0" in "\n".join(lines)
    assert about(folder / "final")["encoder"] == Encoder.load(config.srl_folder).id


class NoRobots:
    """Stands for the robots of a training."""

    def env_method(self, name: str, *arguments: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(np.zeros((2, 1, 64, 64, 3), np.uint8), np.zeros(2, np.int64))]


def test_a_full_disk_and_a_killed_copy_do_not_end_a_training(
    config: TrainerConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    (tmp_path / "encoders" / Encoder.load(config.srl_folder).id).mkdir(parents=True)  # killed before the copy was whole
    learning = LearningEncoder(config, tmp_path, NoRobots(), (), print, lines.append, lambda: False)
    learning.begin(0)
    (copy,) = (tmp_path / "encoders").iterdir()
    assert Encoder.load(copy).id == copy.name

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(learning_encoder.factories, "save_images", full)
    learning.boundary(100)
    assert lines == [
        "the encoder does not learn until the next checkpoint: [Errno 28] No space left on device; free disk space"
    ]


def test_a_killed_training_of_an_encoder_and_a_slow_one_are_told(
    config: TrainerConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(encoder: Path, files: list[Path], to: Path, seed: int, epochs: int) -> subprocess.Popen[bytes]:
        to.mkdir()
        (to / "training.log").write_text("epoch 1 of 2: loss 1.0\n")
        return subprocess.Popen(["sh", "-c", "sleep 0.5; kill -9 $$"])

    monkeypatch.setattr(learning_encoder, "FEWEST", 1)
    monkeypatch.setattr(learning_encoder, "_TELL_S", 0.3)
    monkeypatch.setattr(learning_encoder.factories, "continue_encoder", started)
    lines: list[str] = []
    learning = LearningEncoder(config, tmp_path, NoRobots(), (), print, lines.append, lambda: False)
    learning.begin(0)
    learning.boundary(100)
    learning.boundary(200)
    learning.close()
    assert lines[0] == "waiting for the new encoder for 0 s; epoch 1 of 2: loss 1.0"
    assert lines[-1] == (
        "the encoder has not learned: its process was killed by SIGKILL, as Linux does when memory runs short; "
        "the training continues with the present one"
    )


@pytest.mark.bad_input
def test_what_does_not_fit_is_refused_in_one_line(config: TrainerConfig, random_encoder: str) -> None:
    for changes, said in (
        ({"srl_model": "ground_truth", "srl_folder": ""}, "srl_learns needs an encoder"),
        ({"transport": "topics", "realtime": True}, "srl_learns needs lockstep"),
        ({"checkpoint_every_steps": 0}, "needs checkpoint_every_steps"),
    ):
        with pytest.raises(ConfigError, match=said):
            replace(config, **changes)
    for changes, said in (
        ({"algo": "sac", "hyperparameters": ""}, "its replay buffer would hold states of older encoders"),
        ({"srl_model": "random", "srl_folder": random_encoder}, "random is not trained by gradients"),
    ):
        with pytest.raises(ConfigError, match=said):
            TrainingRun(replace(config, **changes), lambda _: make_environment(config))
