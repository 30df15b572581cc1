"""Teachers of every kind of algorithm, and a student that sees the state of an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import PPO

from rl_trainer_ros.distillation import data_set, distil
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.distributions import CATEGORICAL, DETERMINISTIC_STD, GAUSSIAN, SQUASHED
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

pytestmark = [pytest.mark.distil, pytest.mark.slow, pytest.mark.xdist_group("distillation")]
OFF_POLICY = "{learning_starts: 16, batch_size: 16, net_arch: [16], buffer_size: 100}"
DISCRETE = {"task": "circular", "action": "plane_discrete"}


def silent(line: str) -> None:
    pass


def teacher(folder: Path, **changes: Any) -> Path:
    config = TrainerConfig(transport="in_process", log_dir=str(folder), num_timesteps=24, **changes)
    result = TrainingRun(config, lambda _: make_environment(config)).run(report=silent)
    assert result.error is None
    return result.folder


def settings(folder: Path, teachers: Path, **more: Any) -> DistilConfig:
    small = {"set_size": 40, "epochs": 1, "batch_size": 20, "num_envs": 1, "hyperparameters": "{net_arch: [16]}"}
    return DistilConfig(teachers=str(teachers), log_dir=str(folder), **{**small, **more})


@pytest.mark.parametrize(
    "algo, kind, environment",
    [("dqn", CATEGORICAL, DISCRETE), ("sac", SQUASHED, {}), ("td3", GAUSSIAN, {})],
    ids=["dqn", "sac", "td3"],
)
def test_teachers_of_values_of_actions_and_of_actors(
    algo: str, kind: str, environment: dict[str, Any], tmp_path: Path
) -> None:
    run = teacher(tmp_path, algo=algo, hyperparameters=OFF_POLICY, **environment)
    student = distil.distil(settings(tmp_path, run, temperature=0.01 if algo == "dqn" else 1.0), report=silent)
    (folder,) = (student / "data").iterdir()
    data = data_set.read(folder)
    assert data.actions.kind == kind and len(data) == 40
    policy = trained_models.load(run / "final")
    seen = policy.normalisation.apply(data.observations)
    actions, _ = policy.algorithm.predict(seen, deterministic=True)
    if algo == "dqn":  # the action of the largest value is the most likely one
        assert (data.actions.best() == actions).all()
    else:
        assert np.allclose(data.actions.best(), actions, atol=1e-5)
    if algo == "td3":
        assert np.allclose(np.exp(data.actions.arrays["log_std"]), DETERMINISTIC_STD)
    assert isinstance(trained_models.load(student / "final").algorithm, PPO)


@pytest.mark.bad_input
def test_a_recurrent_teacher_is_refused_in_one_line_before_anything_is_recorded(tmp_path: Path) -> None:
    small = "{n_steps: 24, batch_size: 24, n_epochs: 1, net_arch: [16]}"
    run = teacher(tmp_path, algo="recurrent_ppo", hyperparameters=small, **DISCRETE)
    before = sorted(tmp_path.rglob("config.yaml"))
    with pytest.raises(ConfigError, match="a recurrent policy cannot be distilled") as raised:
        distil.distil(settings(tmp_path, run), report=silent)
    assert str(run) in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="a recurrent policy cannot be distilled"):
        distil.record_only(settings(tmp_path, run, output=str(tmp_path / "data")), report=silent)
    assert sorted(tmp_path.rglob("config.yaml")) == before and not (tmp_path / "data").exists()


def test_a_student_sees_the_state_of_an_encoder(random_encoder: str, tmp_path: Path) -> None:
    run = teacher(tmp_path, hyperparameters="{n_steps: 24, batch_size: 24, n_epochs: 1, net_arch: [16]}")
    config = settings(tmp_path, run, srl_model="random", srl_folder=random_encoder, set_size=20)
    student = distil.distil(config, report=silent)
    (folder,) = (student / "data").iterdir()
    data = data_set.read(folder)
    encoder = Path(random_encoder) / "encoder.json"
    assert data.environment.srl_folder == random_encoder and str(data.notes["encoder"]) in encoder.read_text()
    about = trained_models.load(student / "final").algorithm
    assert (
        about.observation_space.shape == data.observation_space.shape == (10 + 30,)
    )  # joints, their speeds, the state
