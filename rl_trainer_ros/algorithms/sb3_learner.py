"""stable-baselines3's algorithms as a `Learner`. Only this module uses private attributes of stable-baselines3."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import reduce
from typing import Any, BinaryIO

import numpy as np
import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from rl_trainer_ros.algorithms.protocol import LearnedParts

_COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_episode_num",
    "_n_calls",
    "_current_progress_remaining",
    "exploration_rate",
)
_EPISODES, _SUCCESSES = "ep_info_buffer", "ep_success_buffer"


class Sb3Learner:
    """See Learner. It has no state of its own, so several of them may share one algorithm."""

    def __init__(self, algorithm: Any):
        """`algorithm`: an object with the interface of stable-baselines3's BaseAlgorithm."""
        self._algorithm = algorithm
        self._env: Any = algorithm.env

    @property
    def algorithm(self) -> Any:
        """See Learner."""
        return self._algorithm

    @property
    def env(self) -> Any:
        """See Learner."""
        return self._env

    @property
    def n_envs(self) -> int:
        """See Learner."""
        n: int = self._algorithm.n_envs
        return n

    @property
    def observation_space(self) -> Any:
        """See Learner."""
        return self._algorithm.observation_space

    @property
    def action_space(self) -> Any:
        """See Learner."""
        return self._algorithm.action_space

    @property
    def num_timesteps(self) -> int:
        """See Learner."""
        steps: int = self._algorithm.num_timesteps
        return steps

    @property
    def rollout_steps(self) -> int:
        """See Learner."""
        whole = isinstance(self._algorithm, OnPolicyAlgorithm)  # learns from whole rollouts, and ends after one
        return self._algorithm.n_steps * self.n_envs if whole else 1

    @property
    def replay_buffer(self) -> Any:
        """See Learner."""
        return getattr(self._algorithm, "replay_buffer", None)

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """See Actor."""
        found: tuple[Any, Any] = self._algorithm.predict(observation, state, episode_start, deterministic)
        return found

    def learn(self, steps: int, callback: Any, *, anew: bool) -> None:
        """See Learner."""
        self._algorithm.learn(steps, callback=callback, reset_num_timesteps=anew)

    def advance(self, steps: int, updates: int) -> None:
        """See Learner."""
        self._algorithm.num_timesteps += steps
        self._algorithm._n_updates += updates

    def complete(self) -> None:
        """See Learner."""
        if hasattr(self._algorithm, "complete_update"):
            self._algorithm.complete_update()

    def set_logger(self, logger: Any) -> None:
        """See Learner."""
        self._algorithm.set_logger(logger)

    def close(self) -> None:
        """See Learner."""
        self._algorithm.logger.close()
        if hasattr(self._algorithm, "close_update"):
            self._algorithm.close_update()

    def parts(self) -> LearnedParts:
        """See Learner. These are the objects that the algorithm itself would save, and its optimisers."""
        modules, variables = self._algorithm._get_torch_save_params()
        found = {name: self._attribute(name) for name in modules}
        optimizer = getattr(self._algorithm.policy, "optimizer", None)
        if optimizer is not None:
            found.setdefault("policy.optimizer", optimizer)
        return LearnedParts(found, {name: self._attribute(name) for name in variables})

    def parts_changed(self) -> None:
        """See Learner. Population-based algorithms also store the policy's weights as one vector."""
        if hasattr(self._algorithm, "weights"):
            weights = torch.nn.utils.parameters_to_vector(self._algorithm.policy.parameters())
            self._algorithm.weights = weights.detach().clone()

    def counters(self) -> dict[str, Any]:
        """See Learner."""
        algorithm = self._algorithm
        counts = {name: _plain(getattr(algorithm, name)) for name in _COUNTERS if hasattr(algorithm, name)}
        episodes = algorithm.ep_info_buffer or ()
        counts[_EPISODES] = [{key: _plain(value) for key, value in row.items()} for row in episodes]
        counts[_SUCCESSES] = [_plain(value) for value in algorithm.ep_success_buffer or ()]
        return counts

    def restore_counters(self, counts: Mapping[str, Any]) -> None:
        """See Learner."""
        for name in _COUNTERS:
            if name in counts and hasattr(self._algorithm, name):
                setattr(self._algorithm, name, counts[name])
        window = self._algorithm._stats_window_size
        self._algorithm.ep_info_buffer = deque(counts[_EPISODES], maxlen=window)
        self._algorithm.ep_success_buffer = deque(counts[_SUCCESSES], maxlen=window)

    def begin_episodes(self) -> None:
        """See Learner."""
        algorithm = self._algorithm
        algorithm._last_obs = self._env.reset()
        algorithm._last_episode_starts = np.ones(self.n_envs, dtype=bool)
        normalised = algorithm.get_vec_normalize_env()
        if normalised is not None:
            algorithm._last_original_obs = normalised.get_original_obs()
        if getattr(algorithm, "action_noise", None) is not None:
            algorithm.action_noise.reset()
        memory = getattr(algorithm, "_last_lstm_states", None)
        if memory is not None:
            zeros = (tuple(torch.zeros_like(x) for x in part) for part in memory)
            algorithm._last_lstm_states = type(memory)(*zeros)

    def begin_restored_episodes(self) -> None:
        """See Learner."""
        self._env.unwrapped._reset_seeds()  # the generators were restored; seeding would reset them
        self.begin_episodes()

    def explore_anew(self) -> None:
        """See Learner."""
        if getattr(self._algorithm, "use_sde", False):
            owner = getattr(self._algorithm, "actor", None) or self._algorithm.policy
            owner.reset_noise(self.n_envs)

    def save(self, stream: BinaryIO) -> None:
        """See Learner."""
        self._algorithm.save(stream)

    def _attribute(self, path: str) -> Any:
        return reduce(getattr, path.split("."), self._algorithm)


def _plain(value: Any) -> Any:
    """Convert a NumPy number to a Python number."""
    return value.item() if hasattr(value, "item") else value
