"""Ends the episodes of all robots between two rollouts, as if they had been over."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rl_trainer_ros.training.checkpoints import replay


def end(algorithm: Any) -> None:
    """Let nothing that was stored run on into the next episode."""
    replay.end_episodes(getattr(algorithm, "replay_buffer", None))


def begin(algorithm: Any) -> None:
    """Reset every robot, and whatever a learner carries through an episode."""
    algorithm._last_obs = algorithm.env.reset()
    algorithm._last_episode_starts = np.ones(algorithm.n_envs, dtype=bool)
    normalised = algorithm.get_vec_normalize_env()
    if normalised is not None:
        algorithm._last_original_obs = normalised.get_original_obs()
    if getattr(algorithm, "action_noise", None) is not None:
        algorithm.action_noise.reset()
    memory = getattr(algorithm, "_last_lstm_states", None)
    if memory is not None:
        algorithm._last_lstm_states = type(memory)(*(tuple(torch.zeros_like(x) for x in part) for part in memory))


def begin_again(algorithm: Any) -> None:
    """The same for a learner that was just made and restored: `learn` then begins with these episodes."""
    algorithm.env.unwrapped._reset_seeds()  # the generators were restored; seeding would start them anew
    begin(algorithm)


def explore_anew(algorithm: Any) -> None:
    """Draw new exploration noise, where it depends on the state (gSDE), as every rollout begins with."""
    if getattr(algorithm, "use_sde", False):
        owner = getattr(algorithm, "actor", None) or algorithm.policy
        owner.reset_noise(algorithm.n_envs)
