"""A policy's distribution over actions at an observation, and its expected value; for stable-baselines3 and sb3-contrib."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from robot_interface_ros.robot import Array


@torch.no_grad()
def distribution(policy: Any, seen: Any) -> Array | None:
    """Return the distribution of a policy's actions; None where it has none, as of DQN and CMA-ES.

    Discrete actions: `(n,)` the probability of each. Continuous ones: `(2 n,)` means, then standard deviations. `seen`: one
    observation, normalised. For policies without memory.
    """
    if hasattr(policy, "get_distribution"):
        inner = policy.get_distribution(policy.obs_to_tensor(seen)[0]).distribution
        if hasattr(inner, "probs"):
            return _numbers(inner.probs)
        return np.concatenate([_numbers(inner.mean), _numbers(inner.stddev)])
    actor = getattr(policy, "actor", None)
    if hasattr(actor, "get_action_dist_params"):  # SAC and its kind: a normal distribution, then tanh
        mean, log_std, _ = actor.get_action_dist_params(policy.obs_to_tensor(seen)[0])  # type: ignore[union-attr]
        return np.concatenate([_numbers(torch.tanh(mean)), _numbers(log_std.exp())])
    return None


@torch.no_grad()
def value(policy: Any, seen: Any, action: Any) -> float | None:
    """Return the return that a policy expects from an observation on; None where it has no estimate.

    Of PPO and its kind the value of the observation; of SAC, TD3 and their kind the lowest of the critics for `action`; of DQN
    and its kind the value of the best action. `seen`: one observation, normalised. For policies without memory.
    """
    observation = policy.obs_to_tensor(seen)[0]
    if hasattr(policy, "predict_values"):
        return float(policy.predict_values(observation))
    critic, values = getattr(policy, "critic", None), getattr(policy, "q_net", None)
    quantiles = getattr(policy, "quantile_net", None)
    if critic is not None:
        scaled = torch.as_tensor(policy.scale_action(np.asarray(action))[None], dtype=torch.float32)
        found = critic(observation, scaled)
        return float(min(found)) if isinstance(found, tuple) else float(found.mean())
    if values is not None:
        return float(values(observation).max())
    if quantiles is not None:
        return float(quantiles(observation).mean(dim=1).max())
    return None


def _numbers(tensor: torch.Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().double().numpy().reshape(-1))
