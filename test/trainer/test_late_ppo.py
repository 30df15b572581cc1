"""PPO with its update in a process of its own: which policy acts when, and what happens if that process ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import FakeImageEnv
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from rl_trainer_ros.algorithms import late_ppo
from rl_trainer_ros.algorithms.late_ppo import READ, updated

# The update's process has as many threads as this one.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_torch_thread")]
SETTINGS: dict[str, Any] = {"n_steps": 32, "batch_size": 16, "n_epochs": 2, "seed": 3, "device": "cpu"}
TASK = "Pendulum-v1"


@pytest.fixture
def late() -> Iterator[late_ppo.PPO]:
    """Two robots whose updates are late."""
    learner = late_ppo.PPO("MlpPolicy", make_vec_env(TASK, 2, seed=3), late_update=True, **SETTINGS)
    yield learner
    learner.close_update()


def weights(learner: Any) -> list[Any]:
    return [value.clone() for value in learner.policy.state_dict().values()]


def same(one: list[Any], other: list[Any]) -> bool:
    return all(a.equal(b) for a, b in zip(one, other, strict=True))


class OneRolloutLater(PPO):
    """The same without a process: an update is kept, and used after the next rollout."""

    kept: Any = None

    def train(self) -> None:
        self.take_in()
        acting = {name: value.clone() for name, value in self.policy.state_dict().items()}
        seed, before = int(np.random.randint(2**31)), np.random.get_state()
        np.random.seed(seed)
        super().train()
        np.random.set_state(before)
        self.kept = {name: value.clone() for name, value in self.policy.state_dict().items()}
        self.policy.load_state_dict(acting)

    def take_in(self) -> None:
        if self.kept is not None:
            self.policy.load_state_dict(self.kept)


def stages(learner: Any) -> list[list[Any]]:
    """Return the weights that act, and the last observation, after one, three and five rollouts."""
    found = []
    for steps in (64, 192, 320):
        learner.learn(steps - learner.num_timesteps, reset_num_timesteps=learner.num_timesteps == 0)
        found.append([*weights(learner), torch.as_tensor(learner._last_obs.copy())])
    return found


def test_each_update_is_used_after_the_next_rollout(late: late_ppo.PPO) -> None:
    """Weights, actions, counters and optimiser are those of updates in this process that are used one rollout later."""
    begin, ours = weights(late), stages(late)
    assert late._n_updates == 2 * 4
    late.complete_update()
    assert late._n_updates == 2 * 5
    reference = OneRolloutLater("MlpPolicy", make_vec_env(TASK, 2, seed=3), **SETTINGS)
    theirs = stages(reference)
    reference.take_in()
    assert all(same(one, other) for one, other in zip(ours, theirs, strict=True))
    assert same(ours[0][:-1], begin) and not same(ours[1][:-1], begin)
    assert same(weights(late), weights(reference)) and not same(weights(late), ours[-1][:-1])
    moments = (learner.policy.optimizer.state_dict()["state"] for learner in (late, reference))
    for mine, expected in zip(*(one.values() for one in moments), strict=True):
        assert mine["exp_avg"].equal(expected["exp_avg"])
    late.complete_update()  # nothing is being computed: nothing changes
    assert same(weights(late), weights(reference))


def test_without_late_update_it_is_ppo() -> None:
    ours = late_ppo.PPO("MlpPolicy", make_vec_env(TASK, 2, seed=3), **SETTINGS)
    ours.learn(192)
    assert same(weights(ours), weights(PPO("MlpPolicy", make_vec_env(TASK, 2, seed=3), **SETTINGS).learn(192)))


def test_an_update_of_images_and_discrete_actions_is_that_of_ppo() -> None:
    """Everything that PPO reads is handed over."""

    def made() -> PPO:
        env = DummyVecEnv(
            [lambda: FakeImageEnv(screen_height=36, screen_width=36, n_channels=1, discrete=True, channel_first=True)]
        )
        env.envs[0].observation_space.seed(5)  # of the images
        learner = PPO("CnnPolicy", env, **{**SETTINGS, "n_epochs": 1, "target_kl": 0.5, "clip_range_vf": 0.2})
        learner.set_logger(Logger(None, []))
        _, callback = learner._setup_learn(32, None)
        learner.collect_rollouts(env, callback, learner.rollout_buffer, 32)
        return learner

    learner = made()
    result = updated({name: getattr(learner, name) for name in READ})
    reference = made()
    reference.train()
    assert same(list(result["policy"].values()), weights(reference)) and result["updates"] == reference._n_updates == 1
    assert result["logged"] == reference.logger.name_to_value


def test_a_process_that_was_killed_is_one_line(late: late_ppo.PPO) -> None:
    late.learn(64)
    process = late._process._process  # type: ignore[union-attr]
    os.kill(process.pid, signal.SIGKILL)  # type: ignore[arg-type]
    process.join(20.0)
    with pytest.raises(late_ppo.UpdateFailed, match=r"the process of the update has ended \(exit code -9\)"):
        late.learn(128, reset_num_timesteps=False)


def test_an_update_that_fails_is_one_line_and_the_process_ends_with_the_training(late: late_ppo.PPO) -> None:
    late.learn(64)
    late.complete_update()
    with torch.no_grad():
        next(iter(late.policy.parameters())).fill_(torch.nan)
    late.train()
    with pytest.raises(late_ppo.UpdateFailed, match="^the update failed: [^\n]*$"):
        late.complete_update()
    process = late._process._process  # type: ignore[union-attr]
    assert process.is_alive()
    late.close_update()
    assert not process.is_alive()
