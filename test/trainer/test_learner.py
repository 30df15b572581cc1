"""The `Learner` protocol: every algorithm implements it, and only its adapter uses private attributes of a library."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv
from test_algorithms import QUICK, line_for

from rl_trainer_ros.algorithms import ALGORITHMS, hyperparameters
from rl_trainer_ros.algorithms.devices import device_for
from rl_trainer_ros.algorithms.learner import make_learner
from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.algorithms.registry import CONTINUOUS
from rl_trainer_ros.algorithms.sb3_learner import Sb3Learner
from rl_trainer_ros.training.checkpoints import parameters
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

REPO = Path(__file__).resolve().parents[2]
ROOMS = ("training", "evaluation", "cli", "ros", "distillation")
THEIR_OWN = ("_episode_seeds", "_replace", "_asdict")


def test_a_learner_of_images_computes_on_a_graphics_card_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, images = spaces.Box(-1.0, 1.0, (5,)), spaces.Box(0, 255, (3, 64, 64), np.uint8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [device_for("auto", space) for space in (numbers, images)] == ["cpu", "cpu"]
    with pytest.raises(ConfigError, match="device is cuda, and torch finds no graphics card; use device:=auto or"):
        TrainingRun(
            TrainerConfig(device="cuda", transport="in_process"), lambda name: pytest.fail("made a robot first")
        )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [device_for("auto", space) for space in (numbers, images)] == ["cpu", "cuda"]
    assert [device_for("cpu", images), device_for("cuda", numbers)] == ["cpu", "cuda"]


def test_private_attributes_of_other_objects_are_used_in_the_adapter_alone() -> None:
    found = []
    for path in (path for room in ROOMS for path in sorted((REPO / "rl_trainer_ros" / room).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.startswith("__"):
                continue
            owner = node.value
            if not (isinstance(owner, ast.Name) and owner.id in ("self", "cls")) and node.attr not in THEIR_OWN:
                found.append(f"{path.relative_to(REPO)}:{node.lineno}: {ast.unparse(node)}")
    assert not found, "\n".join(found)


@pytest.mark.algorithms
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_fits_and_hands_over_what_it_has_learned(name: str) -> None:
    def made(seed: int) -> Learner:
        discrete = CONTINUOUS not in ALGORITHMS[name].actions
        env = DummyVecEnv([lambda: line_for(name, discrete)])
        return Sb3Learner(make_learner(name, env, hyperparameters(name, QUICK.get(name)), seed=seed))

    one, other = made(0), made(1)
    assert one.num_timesteps == 0 and one.n_envs == 1 and one.rollout_steps >= 1
    counts = json.loads(json.dumps(one.counters()))
    other.restore_counters(counts)
    assert other.counters() == counts
    parameters.restore(other, parameters.of(one), "memory")
    for key, module in parameters.of(one)["modules"].items():
        if not key.endswith("optimizer"):
            again = parameters.of(other)["modules"][key]
            assert all(torch.equal(module[entry], again[entry]) for entry in module)
    observation: Any = np.zeros(one.observation_space.shape, one.observation_space.dtype)
    if name != "random":
        mine, its = (learner.predict(observation, deterministic=True)[0] for learner in (one, other))
        assert np.array_equal(mine, its)
    stream = io.BytesIO()
    one.save(stream)
    assert stream.tell() > 1000


def test_adam_with_one_call_per_operation_learns_the_same_bits_and_an_older_state_keeps_it() -> None:
    def made() -> Any:
        env = DummyVecEnv([lambda: line_for("ppo")])
        return make_learner("ppo", env, hyperparameters("ppo", QUICK["ppo"]), seed=0)

    found = []
    for together in (True, None):  # None: torch's default, one call per parameter
        learner = made()
        assert [group["foreach"] for group in learner.policy.optimizer.param_groups] == [True]
        learner.policy.optimizer.param_groups[0]["foreach"] = together
        learner.learn(128)
        found.append(Sb3Learner(learner))
    for one, other in zip(*(learner.algorithm.policy.parameters() for learner in found)):
        assert torch.equal(one, other)
    resumed = Sb3Learner(made())
    parameters.restore(resumed, parameters.of(found[1]), "memory")  # the state of an older checkpoint
    assert resumed.algorithm.policy.optimizer.param_groups[0]["foreach"] is True
