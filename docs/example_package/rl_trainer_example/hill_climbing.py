"""Hill climbing: try random changes of the policy, keep the best one if it is better than the current policy."""

from __future__ import annotations

from typing import Any

import torch

from rl_trainer_ros.algorithms.population import AugmentedRandomSearch


class HillClimbing(AugmentedRandomSearch):
    """The base class evaluates the candidates on all robots at the same time."""

    def _do_one_update(self, callback: Any, async_eval: Any) -> None:
        width = self.delta_std_schedule(self._current_progress_remaining)
        changes = width * torch.randn(self.pop_size, self.n_params)
        changes[0] = 0.0  # the current policy, evaluated again, because returns differ between episodes
        candidates = self.weights + changes
        with torch.no_grad():
            returns = self.evaluate_candidates(candidates, callback, async_eval)
        self.weights = candidates[int(returns.argmax())]
        self.policy.load_from_vector(self.weights)
        self._n_updates += 1
