"""Evaluation of a policy on targets that it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_trainer_ros.environment import RobotEnv
from rl_trainer_ros.frame_stack import limited

UNSEEN_SEED = 1_000_003
"""Evaluation episode k is seeded with this plus k; training seeds its environments once, with its own seed."""
HOLD_STEPS = 5


@dataclass(frozen=True)
class Evaluation:
    """Per-episode results, each `(episodes,)`."""

    success: Any
    distance: Any
    """Final distance, m."""
    episode_return: Any
    steps: Any
    held: Any
    """Whether the hand stayed within the success distance for HOLD_STEPS steps in a row."""

    def line(self, training_s: float | None = None) -> str:
        """Return the one-line summary."""
        reached, distance = int(self.success.sum()), self.distance.mean()
        text = f"reached {reached} of {len(self.success)} unseen targets, mean final distance {distance:.3f} m"
        return text + (f", {training_s:.0f} s of training" if training_s is not None else "")

    def table(self) -> str:
        """Return a few lines: name, value."""
        n = len(self.success)
        rate = self.success.mean()
        low, high = wilson_interval(int(self.success.sum()), n)
        rows = [
            ("episodes", f"{n}"),
            ("success rate", f"{100 * rate:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f})"),
            ("mean final distance", f"{self.distance.mean():.4f} m (median {np.median(self.distance):.4f})"),
            ("mean return", f"{self.episode_return.mean():.3f}"),
            ("mean steps", f"{self.steps.mean():.1f}"),
        ]
        if self.held is not None:
            rows.append((f"within reach for {HOLD_STEPS} steps", f"{100 * self.held.mean():.1f} %"))
        return "\n".join(f"  {name:<28}{value}" for name, value in rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        result = {
            "episodes": len(self.success),
            "success_rate": float(self.success.mean()),
            "mean_final_distance_m": float(self.distance.mean()),
            "mean_return": float(self.episode_return.mean()),
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
) -> Evaluation:
    """Run `episodes` episodes of `act(observation, environment) -> action`.

    `hold`: the environment does not end at success; success is then having been within reach at any step, and `held`
    tells whether the hand stayed. `report(done)` is called after each episode. Episodes that are cut from outside are repeated.
    """
    player = limited(environment)
    rows: list[tuple[bool, float, float, int, bool]] = []
    cut = 0
    while len(rows) < episodes:
        observation, info = player.reset(seed=seed + len(rows))
        total, steps, run, held, success = 0.0, 0, 0, False, False
        ended = False
        while not ended:
            observation, reward, terminated, truncated, info = player.step(act(observation, environment))
            total, steps, ended = total + float(reward), steps + 1, terminated or truncated
            run = run + 1 if info["is_success"] else 0
            held, success = held or run >= HOLD_STEPS, success or info["is_success"]
        if "interrupted" in info:
            cut += 1
            if cut > episodes:
                raise RuntimeError(f"more episodes were cut than evaluated; the last because {info['interrupted']}")
            continue
        rows.append((success, info["distance"], total, steps, held))
        report(len(rows))
    success_, distance, returns, steps_, held_ = (np.array(column) for column in zip(*rows))
    return Evaluation(success_, distance, returns, steps_, held_ if hold else None)


def wilson_interval(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson, JASA 1927); 95 % for z = 1.96."""
    share, z2 = successes / n, z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))
