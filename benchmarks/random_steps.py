"""Random steps of several robots, for benchmarks."""

from __future__ import annotations

import time

import numpy as np
from stable_baselines3.common.vec_env import VecEnv


def step_times(vec_env: VecEnv, steps: int) -> list[float]:
    """Return the time of each of `steps` steps of all robots together, s; resets at an episode's end belong to its step."""
    generator = np.random.default_rng(0)
    actions = generator.uniform(-1.0, 1.0, (steps, vec_env.num_envs, 5)).astype(np.float32)
    vec_env.seed(0)
    vec_env.reset()
    times = []
    for action in actions:
        began = time.perf_counter()
        vec_env.step(action)
        times.append(time.perf_counter() - began)
    return times
