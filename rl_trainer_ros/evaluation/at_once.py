"""Evaluation on several simulated robots at once: one pass of the policy's networks gives the actions of all of them.

A policy's pass over one observation takes about half the time of a simulated step without images, and over eight hardly more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_trainer_ros.algorithms.protocol import Actor
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.frame_stack import limited
from rl_trainer_ros.evaluation.episodes import UNSEEN_SEED, Evaluation, evaluate
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner

MOST = 8
"""Robots: more save little, and making one takes as long as about a hundred steps."""
_FEWEST_EPISODES = 4
"""Of each robot."""


def robots_for(episodes: int) -> int:
    """Return how many robots suit a number of episodes."""
    return min(MOST, max(1, episodes // _FEWEST_EPISODES))


@dataclass
class _Playing:
    """An episode that is not over."""

    number: int
    total: float = 0.0
    steps: int = 0
    success: bool = False


def evaluate_at_once(
    actor: Actor,
    normalise: Callable[[Any], Any],
    environments: Sequence[RobotEnv],
    episodes: int,
    seed: int = UNSEEN_SEED,
    report: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Run the same episodes as `evaluate`, on several environments with the same settings.

    With one environment it is `evaluate`. With several, the results are the same but for the last bits of the policy's
    networks, which depend on how many observations pass through them at once. `normalise`: converts observations `(n, ...)`.
    Interrupted episodes are repeated; RuntimeError if there are more of them than `episodes`.
    """
    if len(environments) == 1:
        return evaluate(PolicyRunner(actor, normalise), environments[0], episodes, seed, report=report)
    players = [limited(environment) for environment in environments[:episodes]]
    waiting, cut = list(range(episodes))[::-1], 0
    rows: dict[int, tuple[bool, float, float, int]] = {}
    playing: list[_Playing | None] = []
    observations: list[Any] = []
    for player in players:
        playing.append(_Playing(waiting.pop()))
        observations.append(player.reset(seed=seed + playing[-1].number)[0])  # type: ignore[union-attr]
    memory: Any = None
    first = np.ones(len(players), dtype=bool)
    while len(rows) < episodes:
        actions, memory = actor.predict(
            normalise(_joined(observations)), state=memory, episode_start=first, deterministic=True
        )
        first = np.zeros(len(players), dtype=bool)
        for i, (player, one) in enumerate(zip(players, playing)):
            if one is None:
                continue
            observations[i], reward, terminated, truncated, info = player.step(actions[i])
            one.total, one.steps = one.total + float(reward), one.steps + 1
            one.success = one.success or bool(info["is_success"])
            if not (terminated or truncated):
                continue
            if "interrupted" in info:
                cut += 1
                if cut > episodes:
                    raise RuntimeError(
                        f"more episodes were interrupted than evaluated. The last: {info['interrupted']}"
                    )
                waiting.append(one.number)
            else:
                rows[one.number] = (one.success, info["distance"], one.total, one.steps)
                report(len(rows))
            playing[i], first[i] = None, True
            if waiting:
                playing[i] = _Playing(waiting.pop())
                observations[i] = player.reset(seed=seed + playing[i].number)[0]  # type: ignore[union-attr]
    success, distance, returns, steps = (np.array(column) for column in zip(*(rows[k] for k in range(episodes))))
    return Evaluation(success, distance, returns, steps, held=None)


def _joined(observations: Sequence[Any]) -> Any:
    """Return observations as one batch; arrays, or dictionaries of arrays."""
    if isinstance(observations[0], Mapping):
        return {key: np.stack([one[key] for one in observations]) for key in observations[0]}
    return np.stack(observations)
