"""Records teacher data: teacher or student acts, and the teacher's distribution of actions is stored at every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from rl_trainer_ros.distillation.distributions import Actions
from rl_trainer_ros.distillation.two_views import STUDENT, TEACHER

Answer = Callable[[Any], Actions]
"""Observations `(n, ...)` -> distributions of actions."""


def record(
    vec_env: VecEnv,
    teacher: Answer,
    samples: int,
    generator: np.random.Generator,
    *,
    student: Answer | None = None,
    sampled: bool = True,
    temperature: float = 1.0,
    report: Callable[[int], None] = lambda done: None,
) -> tuple[dict[str, Any], Actions, dict[str, Any]]:
    """Return `samples` rows in the order of time: arrays as DataSet has them, the teacher's answers, and notes.

    `vec_env`: of TwoViews. `student`: acts instead of the teacher; None: the teacher acts. `report(done)` is called after each
    step. Rows of robots that do not answer are left out.
    """
    rows: dict[str, list[Any]] = {"observations": [], "rewards": [], "starts": [], "robot": []}
    answers: list[Actions] = []
    episodes: list[tuple[float, bool]] = []
    returns = np.zeros(vec_env.num_envs)
    starts, present = np.ones(vec_env.num_envs, bool), np.ones(vec_env.num_envs, bool)
    succeeded = np.zeros(vec_env.num_envs, bool)
    observation: Any = vec_env.reset()
    done = 0
    while done < samples:
        answer = teacher(observation[TEACHER])
        acting = answer if student is None else student(observation[STUDENT])
        actions = acting.sample(generator, temperature) if sampled else acting.best()
        seen = observation[STUDENT].copy()
        observation, rewards, dones, infos = vec_env.step(actions)
        there = np.flatnonzero(present)
        for name, values in (("observations", seen), ("rewards", rewards), ("starts", starts)):
            rows[name].append(np.array(values)[there])
        rows["robot"].append(there)
        answers.append(Actions(answer.kind, {name: array[there] for name, array in answer.arrays.items()}))
        returns += rewards
        succeeded |= [bool(info.get("is_success")) for info in infos]
        for i in np.flatnonzero(dones):
            if present[i] and "interrupted" not in infos[i]:
                episodes.append((float(returns[i]), bool(succeeded[i])))
            returns[i], succeeded[i] = 0.0, False
        starts, present = np.array(dones, bool), np.array(["absent" not in info for info in infos])
        done += len(there)
        report(min(done, samples))
    arrays = {name: np.concatenate(parts)[:samples] for name, parts in rows.items()}
    arrays["rewards"], arrays["robot"] = arrays["rewards"].astype(np.float32), arrays["robot"].astype(np.int32)
    names = answers[0].arrays
    joined = {name: np.concatenate([part.arrays[name] for part in answers])[:samples] for name in names}
    notes = {
        "episodes": len(episodes),
        "mean_return": float(np.mean([total for total, _ in episodes])) if episodes else None,
        "success_rate": float(np.mean([success for _, success in episodes])) if episodes else None,
    }
    return arrays, Actions(answers[0].kind, joined), notes
