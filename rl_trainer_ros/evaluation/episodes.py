"""Evaluation of a policy on unseen targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.frame_stack import limited

UNSEEN_SEED = 1_000_003
"""Evaluation episode k has the seed UNSEEN_SEED + k. Training seeds its environments once, with the run's seed."""
HOLD_STEPS = 5


@dataclass(frozen=True)
class Evaluation:
    """Results per episode, `(episodes,)` each."""

    success: Any
    distance: Any
    """Final distance, m."""
    episode_return: Any
    steps: Any
    held: Any
    """Whether the hand stayed within the success distance for HOLD_STEPS steps in a row."""

    def line(self, training_s: float | None = None) -> str:
        """Return a summary in one line; `training_s`: duration of the training, s."""
        reached, distance = int(self.success.sum()), self.distance.mean()
        text = f"reached {reached} of {len(self.success)} unseen targets, mean final distance {distance:.3f} m"
        return text + (f", {training_s:.0f} s of training" if training_s is not None else "")

    def short(self) -> str:
        """Return the mean results in a few words."""
        return (
            f"return {self.episode_return.mean():.2f}  success {100 * self.success.mean():.0f} %  final distance "
            f"{self.distance.mean():.3f} m"
        )

    def table(self) -> str:
        """Return the mean results as lines: name, value, 95 % interval."""
        figures = self.to_dict()

        def row(value: str, name: str, digits: int, scale: float = 1.0, more: str = "") -> str:
            low, high = (scale * end for end in figures[f"{name}_interval"])
            return f"{value} (95 % interval {low:.{digits}f} to {high:.{digits}f}{more})"

        distance, median = self.distance.mean(), np.median(self.distance)
        rows = [
            ("episodes", f"{len(self.success)}"),
            ("success rate", row(f"{100 * self.success.mean():.1f} %", "success_rate", 1, scale=100)),
            (
                "mean final distance",
                row(f"{distance:.4f} m", "mean_final_distance_m", 4, more=f"; median {median:.4f}"),
            ),
            ("mean return", row(f"{self.episode_return.mean():.3f}", "mean_return", 3)),
            ("mean steps", f"{self.steps.mean():.1f}"),
        ]
        if self.held is not None:
            rows.append((f"within reach for {HOLD_STEPS} steps", f"{100 * self.held.mean():.1f} %"))
        return "\n".join(f"  {name:<28}{value}" for name, value in rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the mean results for JSON; intervals are 95 % intervals."""
        reached = int(self.success.sum())
        result = {
            "episodes": len(self.success),
            "success_rate": float(self.success.mean()),
            "success_rate_interval": list(wilson_interval(reached, len(self.success))),
            "mean_final_distance_m": float(self.distance.mean()),
            "mean_final_distance_m_interval": list(bootstrap_interval(self.distance)),
            "mean_return": float(self.episode_return.mean()),
            "mean_return_interval": list(bootstrap_interval(self.episode_return)),
            "mean_steps": float(self.steps.mean()),
        }
        return result if self.held is None else {**result, "held_rate": float(self.held.mean())}


def evaluate(
    act: Callable[[Any, RobotEnv], Any],
    environment: RobotEnv,
    episodes: int,
    seed: int = UNSEEN_SEED,
    hold: bool = False,
    report: Callable[[int], None] = lambda done: None,
    watch: Callable[[int, int, bool | None], None] = lambda episode, steps, success: None,
) -> Evaluation:
    """Run `episodes` episodes of `act(observation, environment) -> action`.

    If `act` has a method `begin`, as `PolicyRunner` has, it is called at the start of each episode.
    `hold`: the environment does not end at success; then an episode is a success if the hand was within reach in any step,
    and `held` says whether it stayed. `report(done)` is called after each episode, and `watch(episode, steps, success)` after
    each reset and step; success is None until it is decided. Interrupted episodes are repeated; RuntimeError if there are
    more of them than `episodes`.
    """
    player = limited(environment)
    rows: list[tuple[bool, float, float, int, bool]] = []
    cut = 0
    begin = getattr(act, "begin", lambda: None)
    while len(rows) < episodes:
        observation, info = player.reset(seed=seed + len(rows))
        begin()
        watch(len(rows), 0, None)
        total, steps, run, held, success = 0.0, 0, 0, False, False
        ended = False
        while not ended:
            observation, reward, terminated, truncated, info = player.step(act(observation, environment))
            total, steps, ended = total + float(reward), steps + 1, terminated or truncated
            run = run + 1 if info["is_success"] else 0
            held, success = held or run >= HOLD_STEPS, success or bool(info["is_success"])
            watch(len(rows), steps, success if success or ended else None)
        if "interrupted" in info:
            cut += 1
            if cut > episodes:
                raise RuntimeError(f"more episodes were interrupted than evaluated. The last: {info['interrupted']}")
            continue
        rows.append((success, info["distance"], total, steps, held))
        report(len(rows))
    success_, distance, returns, steps_, held_ = (np.array(column) for column in zip(*rows))
    return Evaluation(success_, distance, returns, steps_, held_ if hold else None)


def row_of(evaluation: Evaluation) -> dict[str, Any]:
    """The figures of one evaluation, those with an interval with its ends, in columns."""
    row: dict[str, Any] = {}
    for name, value in evaluation.to_dict().items():
        if isinstance(value, list):
            row[f"{name.removesuffix('_interval')}_low"], row[f"{name.removesuffix('_interval')}_high"] = value
        else:
            row[name] = value
    return row


def wilson_interval(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson, JASA 1927); 95 % for z = 1.96."""
    share, z2 = successes / n, z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def bootstrap_interval(values: Any, resamples: int = 2000, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean (Efron, Ann. Stat. 1979); equal values give equal intervals.

    It does not assume a distribution: returns of tasks that either succeed or fail are far from normal.
    """
    values = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(0)
    means = [generator.choice(values, len(values)).mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
