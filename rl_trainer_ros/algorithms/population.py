"""Algorithms that evaluate whole policies: each candidate acts for an episode, on several robots at the same time."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from sb3_contrib import ARS

from robot_interface_ros.errors import StopRequested


class AugmentedRandomSearch(ARS):
    """sb3-contrib's ARS (Mania, Guy and Recht, 2018), with candidates distributed over all robots.

    In sb3-contrib only the first robot counts for a candidate, a stop request is ignored, and steps are counted too often
    with several robots.
    """

    def evaluate_candidates(self, candidate_weights: Any, callback: Any, async_eval: Any) -> torch.Tensor:
        """Return each candidate's return over `n_eval_episodes` episodes, `(candidates,)`. Raises StopRequested."""
        env: Any = self.env
        self.ep_info_buffer: Any = []  # only for these candidates
        callback.on_rollout_start()
        waiting = [index for index in range(len(candidate_weights)) for _ in range(self.n_eval_episodes)]
        waiting.reverse()
        totals = np.zeros(len(candidate_weights))
        policies = [copy.deepcopy(self.policy) for _ in range(env.num_envs)]
        trying: list[int | None] = [self._next(policy, candidate_weights, waiting) for policy in policies]
        observation = env.reset()
        while any(candidate is not None for candidate in trying):
            actions = [policy.predict(_row(observation, k), deterministic=True)[0] for k, policy in enumerate(policies)]
            observation, rewards, dones, infos = env.step(np.stack(actions))
            self.num_timesteps += env.num_envs
            self._update_info_buffer(infos, dones)
            callback.update_locals({"infos": infos, "dones": dones, "rewards": rewards})
            if not callback.on_step():
                raise StopRequested
            for k in np.flatnonzero(dones):
                candidate = trying[k]
                if candidate is not None and "interrupted" in infos[k]:  # says nothing about the candidate
                    waiting.append(candidate)
                elif candidate is not None:
                    episode = infos[k]["episode"]  # from Monitor: `rewards` may be normalised, by a changing scale
                    totals[candidate] += episode["r"] + self.alive_bonus_offset * episode["l"]
                trying[k] = self._next(policies[k], candidate_weights, waiting)
        callback.on_rollout_end()
        return torch.as_tensor(totals / self.n_eval_episodes, dtype=torch.float32, device=self.device)

    @staticmethod
    def _next(policy: Any, candidate_weights: Any, waiting: list[int]) -> int | None:
        """Load the next candidate's weights into the policy; return its index, None after the last one."""
        if not waiting:
            return None
        policy.load_from_vector(candidate_weights[waiting[-1]].cpu())
        return waiting.pop()


class CmaEs(AugmentedRandomSearch):
    """Covariance matrix adaptation (Hansen, 2016; the `cma` package) over the weights of a policy.

    With more than _FULL_UP_TO weights only the diagonal of the covariance is adapted: the full matrix is too large to
    learn, and its decomposition takes seconds per update.
    """

    _FULL_UP_TO = 400

    def __init__(self, policy: Any, env: Any, population: int = 20, sigma: float = 0.14, **settings: Any):
        """`population`: candidates per update; `sigma`: initial standard deviation of the weights."""
        self.population, self.sigma = population, sigma
        settings.setdefault("zero_policy", False)
        self._strategy: Any = None
        self.weights: Any
        super().__init__(policy, env, n_delta=max(1, population // 2), **settings)

    def _do_one_update(self, callback: Any, async_eval: Any) -> None:
        if self._strategy is None:
            self._strategy = self._start()
        candidates = self._strategy.ask()
        weights = torch.as_tensor(np.array(candidates), dtype=torch.float32)
        with torch.no_grad():
            returns = self.evaluate_candidates(weights, callback, async_eval)
        self._strategy.tell(candidates, (-returns.cpu().numpy()).astype(np.float64).tolist())
        self.weights = torch.as_tensor(self._strategy.result.xfavorite, dtype=torch.float32)
        self.policy.load_from_vector(self.weights)
        self.logger.record("train/iterations", self._n_updates, exclude="tensorboard")
        self.logger.record("train/sigma", float(self._strategy.sigma))
        self.logger.record("rollout/return_std", returns.std().item())
        self._n_updates += 1

    def _start(self) -> Any:
        import cma

        weights = self.weights.cpu().numpy().astype(np.float64)
        options = {
            "popsize": self.population,
            "seed": (self.seed or 0) + 1,  # 0 would use the clock
            "CMA_diagonal": len(weights) > self._FULL_UP_TO,
            "verbose": -9,
        }
        return cma.CMAEvolutionStrategy(weights, self.sigma, options)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_strategy"]


def _row(observation: Any, k: int) -> Any:
    if isinstance(observation, dict):
        return {name: values[k] for name, values in observation.items()}
    return observation[k]
