"""How far the estimated target is off: of each image alone, and after the filter over the episode.

    .venv/bin/rl_trainer train_srl srl_model:=target_estimate
    .venv/bin/python benchmarks/estimates.py encoder:=runs/srl/target_estimate

Episodes are scripted towards unseen targets. `hidden`: moments whose image has a standard deviation above
`hidden_m`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.environments.make_env import make_robot_env
from robot_interface_ros.config import option


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    encoder: str = option("runs/srl/target_estimate", "folder of the encoder", path=True)
    episodes: int = option(50, "episodes", minimum=1, maximum=100_000)
    steps: int = option(60, "steps of an episode", minimum=2, maximum=10_000)
    correlation_s: float = option(
        0.5, "of the filter: time after which errors are independent, s", minimum=1e-3, maximum=60.0
    )
    hidden_m: float = option(
        0.05, "standard deviation from which on an image counts as hidden, m", minimum=0.0, maximum=10.0
    )
    seed: int = option(1000, "seed of the episodes; another than that of the training", minimum=0, maximum=2**31 - 1)


def main() -> int:
    """Measure and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    settings = {"estimate": True, "correlation_s": options.correlation_s}
    environment = make_robot_env(srl_folder=options.encoder, observation_settings=settings, end_at_success=False)
    scripted = ScriptedReach(environment.arm, environment.task.period_s)
    alone, filtered, deviations, told = [], [], [], []
    n = 2 * len(environment.arm.shown)
    for episode in range(options.episodes):
        seen, _ = environment.reset(seed=options.seed if episode == 0 else None)
        for _ in range(options.steps):
            step_state = environment.step_state
            target, state = step_state.observation.target_position, step_state.observation.srl_state
            assert state is not None
            alone.append(np.linalg.norm(state[:3] - target))
            filtered.append(np.linalg.norm(seen[n : n + 3] + step_state.hand - target))
            deviations.append(np.exp(state[3:].max()))
            told.append(np.linalg.norm(seen[n + 6 :]))
            seen, *_ = environment.step(scripted.act(step_state))
    environment.close()
    hidden = np.array(deviations) > options.hidden_m
    print(
        "| moments | share | each image alone, median cm | 90 % | after the filter, median cm | 90 % | it says, median cm |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, which in (("all", np.ones_like(hidden)), ("seen", ~hidden), ("hidden", hidden)):
        if which.any():
            cells = [
                f"{100 * np.quantile(np.array(values)[which], q):.1f}"
                for values in (alone, filtered)
                for q in (0.5, 0.9)
            ]
            print(
                f"| {name} | {100 * which.mean():.0f} % | {' | '.join(cells)} | {100 * np.median(np.array(told)[which]):.1f} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
