"""Fine-tuning of a trained model: settings and their effects, models that do not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from short_trainings import copied, edited, learned, settings, train

from rl_trainer_ros.training.checkpoints import contents, folders, trained_models
from rl_trainer_ros.training.checkpoints.errors import ModelError
from robot_interface_ros.config import ConfigError

pytestmark = [pytest.mark.slow, pytest.mark.resume, pytest.mark.xdist_group("checkpoints")]


@pytest.mark.parametrize("freeze", [True, False])
def test_fine_tuning(freeze: bool, sac_run: Path, tmp_path: Path) -> None:
    """On another task, with a hundredth of the learning rate; each setting has its effect."""
    config = settings(
        tmp_path,
        "sac",
        task="button",
        action="joint_velocity",
        load_model=str(sac_run),
        freeze_normalisation=freeze,
        load_replay_buffer=freeze,
        num_timesteps=120,
        hyperparameters="{learning_starts: 60}",
    )
    run = train(config).folder
    about, model = folders.read(run / "final").about, folders.read(sac_run / "final").about
    assert about["task"] == "button" and about["hyperparameters"]["net_arch"] == [32, 32]
    assert about["hyperparameters"]["learning_rate"] == pytest.approx(0.01 * model["hyperparameters"]["learning_rate"])
    statistics = [json.loads((folder / "final" / contents.STATISTICS).read_text()) for folder in (sac_run, run)]
    assert (statistics[0] == statistics[1]) == freeze
    with np.load(run / "final" / contents.REPLAY) as replay:
        assert int(replay["pos"]) + 150 * bool(replay["full"]) == (270 if freeze else 120)
    before, after = learned(sac_run), learned(run)
    moved = max(
        float((before[key] - after[key]).abs().max()) for key in before if key.startswith("/modules/policy/actor")
    )
    assert 0.0 < moved < 0.005


@pytest.mark.bad_input
def test_a_model_that_does_not_fit_is_refused(ppo_run: Path, tmp_path: Path) -> None:
    for more, said in (
        ({"algo": "sac", "hyperparameters": ""}, r"is a model of algo ppo, not sac; use algo:=ppo"),
        ({"observation": "joints"}, r"has another observation space: Box\(16,\) .* there, Box\(10,\) .* in this run"),
        ({"action": "joint_discrete"}, r"has another action space"),
        ({"preset": "pixels"}, r"preset has no effect with load_model"),
        ({"load_replay_buffer": True}, r"a PPO has no replay buffer"),
    ):
        with pytest.raises((ModelError, ConfigError), match=said):
            train(settings(tmp_path, load_model=str(ppo_run), **more))  # type: ignore[arg-type]
    folder = copied(ppo_run / "final", tmp_path / "other")
    edited(folder, encoder="autoencoder-1234")
    with pytest.raises(ModelError, match="was trained with encoder autoencoder-1234, but the encoder here is none"):
        train(settings(tmp_path, load_model=str(folder)))
    with pytest.raises(ConfigError, match="needs load_model"):
        settings(tmp_path, load_replay_buffer=True)


def test_a_given_rate_is_taken_and_exploration_is_not_begun_anew(ppo_run: Path) -> None:
    model = folders.read(ppo_run / "final")
    assert trained_models.fine_tuning_settings(model, {"learning_rate": 0.1})["learning_rate"] == 0.1
    explorer = replace(
        model,
        about={"algo": "dqn", "hyperparameters": {"exploration_final_eps": 0.1}, "counters": {"exploration_rate": 0.1}},
    )
    assert trained_models.fine_tuning_settings(explorer, {})["exploration_initial_eps"] == 0.1
