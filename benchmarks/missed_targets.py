"""Why a policy misses targets: the estimate of the target at the last action of each episode, reached or missed.

    .venv/bin/python benchmarks/missed_targets.py run:=runs/reach/reward_place/ppo/2026-11-27_03-00-00

`run`: a training on `observation.estimate:=true`. The episodes are those of `rl_trainer evaluate`, in process. A target counts
as never seen if the encoder was uncertain of it in all images of its episode: the arm hid it, or it was out of view.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.episodes import evaluate
from rl_trainer_ros.training import trained_policy
from robot_interface_ros.config import option

WITHIN_M = 0.03
SEEN_M = 0.04
"""Deviation of an image's estimate, all axes together, below which the image shows the target."""


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    run: str = option("", "folder of the run", path=True)
    episodes: int = option(500, "unseen targets", minimum=1, maximum=100_000)
    shown: int = option(30, "missed targets that are listed", minimum=0, maximum=10_000)


def main() -> int:
    """Measure and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    model = trained_policy.load(options.run, "final", "runs")
    environment = make_environment(model.config.environment())
    joints = 2 * len(environment.arm.shown)
    rows: list[list[float]] = []
    least: list[float] = []

    def begin(episode: int, steps: int, success: bool | None) -> None:
        if steps == 0:
            rows.append([])
            least.append(np.inf)

    def act(observation: Any, _: Any) -> Any:
        state = environment.step_state
        seen, target = state.observation.srl_state, state.observation.target_position
        assert seen is not None
        way = observation[joints : joints + 3]
        least[-1] = min(least[-1], float(np.linalg.norm(np.exp(seen[3:6]))))
        rows[-1] = [
            np.linalg.norm(way + state.hand - target),
            np.linalg.norm(way),
            state.distance,
            np.exp(seen[3:6]).max(),
            *target,
        ]
        return model.policy.act(observation)

    found = evaluate(act, environment, options.episodes, watch=begin)
    environment.close()
    ends, reached, unseen = np.array(rows), found.success.astype(bool), np.array(least) > SEEN_M
    print(f"reached {reached.sum()} of {len(reached)}")
    print(
        "| episodes | number | estimate off, median cm | 90 % | off by more than 3 cm | target never seen | hand to estimate, "
        "median cm |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, which in (("reached", reached), ("missed", ~reached)):
        if which.any():
            off, way, far = 100.0 * ends[which, 0], 100.0 * ends[which, 1], (ends[which, 0] > WITHIN_M).sum()
            quantiles = f"{np.median(off):.2f} | {np.quantile(off, 0.9):.2f}"
            print(f"| {name} | {which.sum()} | {quantiles} | {far} | {unseen[which].sum()} | {np.median(way):.2f} |")
    for k in np.flatnonzero(~reached)[: options.shown]:
        off, way, distance, deviation = 100.0 * ends[k, :4]
        place = " ".join(f"{value:.2f}" for value in ends[k, 4:])
        print(
            f"missed {k}: estimate off {off:.1f} cm, hand to estimate {way:.1f}, to target {distance:.1f}, deviation of "
            f"the last image {deviation:.1f} cm, target {place}" + (", never seen" if unseen[k] else "")
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
