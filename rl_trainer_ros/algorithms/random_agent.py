"""An agent with random actions, as a baseline for every result."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy


class RandomPolicy(BasePolicy):
    """Samples actions from the action space; the agent's seed seeds its generator."""

    def __init__(self, observation_space: Any, action_space: Any, lr_schedule: Any = None, **kwargs: Any):
        super().__init__(observation_space, action_space, **kwargs)

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        batch = next(iter(observation.values())) if isinstance(observation, dict) else observation
        return torch.as_tensor(np.array([self.action_space.sample() for _ in range(len(batch))]))

    def predict(self, observation: Any, state: Any = None, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """See BasePolicy. Samples are not squashed or scaled, because they are in the action space already."""
        tensor, vectorized = self.obs_to_tensor(observation)
        actions = np.asarray(self._predict(tensor))
        return (actions if vectorized else actions[0]), state


class RandomAgent(BaseAlgorithm):
    """RandomPolicy with the interface of a stable-baselines3 algorithm."""

    policy_aliases = {"RandomPolicy": RandomPolicy}

    def __init__(
        self,
        policy: Any,
        env: Any,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: Any = "cpu",
        _init_setup_model: bool = True,
    ):
        super().__init__(
            policy,
            env,
            learning_rate=0.0,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            seed=seed,
            device=device,
            support_multi_env=True,
        )
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        self.set_random_seed(self.seed)
        self.policy = self.policy_class(self.observation_space, self.action_space)

    def learn(
        self,
        total_timesteps: int,
        callback: Any = None,
        log_interval: int = 1,
        tb_log_name: str = "random",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> RandomAgent:
        """Act randomly for `total_timesteps`. Episodes are counted and reported as in other algorithms."""
        total, callback = self._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar)
        callback.on_training_start(locals(), globals())
        env: Any = self.env
        observation: Any = self._last_obs
        going_on = True
        while self.num_timesteps < total and going_on:
            callback.on_rollout_start()
            for _ in range(1000):
                action, _ = self.policy.predict(observation)
                observation, _rewards, dones, infos = env.step(action)
                self.num_timesteps += env.num_envs
                self._update_info_buffer(infos, dones)
                callback.update_locals(locals())
                going_on = callback.on_step()
                if self.num_timesteps >= total or not going_on:
                    break
            callback.on_rollout_end()
            self._last_obs = observation
            self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
            self.logger.dump(step=self.num_timesteps)
        callback.on_training_end()
        return self
