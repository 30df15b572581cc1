"""Processor time of an evaluation on one robot and on several at once, in turns, in process.

.venv/bin/python benchmarks/evaluating.py run=config/policies/reach task=reach episodes=32 rounds=3
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.at_once import evaluate_at_once
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.cross_evaluation.tasks import EvaluatedTask, environment_of
from rl_trainer_ros.training.runs import run_folder

ROBOTS = (1, 4, 8, 16)


def main(words: list[str]) -> None:
    """Print milliseconds of a step for each number of robots; the fastest round counts."""
    settings = {"run": "config/policies/reach", "task": "reach", "episodes": "32", "rounds": "3"}
    for word in words:
        name, _, value = word.partition("=")
        if name not in settings:
            sys.exit(f"unknown word '{word}'; known: {', '.join(f'{key}=' for key in settings)}")
        settings[name] = value
    torch.set_num_threads(1)
    run = Path(settings["run"])
    policy = trained_models.load(run / "final")
    config = environment_of(run_folder.load_config(run), EvaluatedTask(settings["task"]))
    environments = [make_environment(config) for _ in range(max(ROBOTS))]
    best = dict.fromkeys(ROBOTS, float("inf"))
    for _ in range(int(settings["rounds"])):
        for n in ROBOTS:
            begin = time.process_time()
            found = evaluate_at_once(
                policy.algorithm, policy.normalisation.apply, environments[:n], int(settings["episodes"])
            )
            best[n] = min(best[n], (time.process_time() - begin) / found.steps.sum())
            print(f"{n} robots: {found.short()}, {1e3 * best[n]:.2f} ms a step", flush=True)
    print(", ".join(f"{n} robots {best[n] / best[1]:.2f}" for n in ROBOTS), "of the time with one")


if __name__ == "__main__":
    main(sys.argv[1:])
