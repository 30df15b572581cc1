"""Measure how long training takes to reach: `make train`'s settings beside others and one robot, in turns.

    .venv/bin/python benchmarks/reach_time.py folder:=reach_time          # three seeds of each; resumes where it ended
    .venv/bin/python benchmarks/reach_time.py ways:='[many robots]' seeds:='[0]'

Each run is `rl_trainer train` over topics, then `rl_trainer evaluate` on 500 unseen targets. Prints a Markdown table.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rl_trainer_ros.bringup.setting_texts import from_words
from robot_interface_ros.config import option

_BEFORE = (  # the preset before it explored more; the last two ways were measured with these
    *("hyperparameters.log_std_init:=0.0", "hyperparameters.n_epochs:=10"),
    *("hyperparameters.gae_lambda:=0.95", "hyperparameters.learning_rate_end_share:=0.1"),
)
WAYS = {
    "one robot": (),
    "many robots": ("num_envs:=16", "preset:=many_robots", "num_timesteps:=40000"),
    "less exploration": ("num_envs:=16", "preset:=many_robots", "num_timesteps:=40000", *_BEFORE),
    "updates end early": (
        *("num_envs:=16", "preset:=many_robots", "num_timesteps:=36000", *_BEFORE),
        *("hyperparameters.learning_rate:=2.0e-3", "hyperparameters.target_kl:=0.02"),
    ),
    "updates beside the robots": (
        *("num_envs:=16", "preset:=many_robots", "num_timesteps:=40000", *_BEFORE),
        *("hyperparameters.late_update:=true", "hyperparameters.n_steps:=256"),
    ),
}


@dataclass(frozen=True)
class Options:
    """Settings of this benchmark."""

    folder: str = option("reach_time", "folder of the runs; finished ones are not repeated")
    seeds: tuple[int, ...] = option((0, 1, 2), "seeds")
    ways: tuple[str, ...] = option(tuple(WAYS), f"settings to compare, of {', '.join(WAYS)}")


def measure(log_dir: Path, words: tuple[str, ...]) -> tuple[float, int]:
    """Return the seconds of a training and the number of reached targets of 500; a finished run is only read."""
    if not list(log_dir.rglob("evaluation.json")):
        for command in (("train", *words), ("evaluate", "run:=latest")):
            program = [sys.executable, "-m", "rl_trainer_ros.cli.main", *command, f"log_dir:={log_dir}"]
            subprocess.run(program, check=True, stdout=sys.stderr)
    evaluation = max(log_dir.rglob("evaluation.json"))
    result = json.loads((evaluation.parent / "result.json").read_text())
    reached = json.loads(evaluation.read_text())
    return float(result["training_s"]), round(reached["success_rate"] * reached["episodes"])


def main() -> int:
    """Measure and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    found: dict[str, list[tuple[float, int]]] = {way: [] for way in options.ways}
    for seed in options.seeds:
        for way in options.ways:
            folder = Path(options.folder) / way.replace(" ", "_") / str(seed)
            found[way].append(measure(folder, (*WAYS[way], f"seed:={seed}")))
    print("| settings | training, s | reached, of 500 | median s | median reached |\n|---|---|---|---|---|")
    for way, rows in found.items():
        times, reached = zip(*rows)
        cells = [", ".join(f"{value:.0f}" for value in column) for column in (times, reached)]
        medians = [f"{statistics.median(column):.0f}" for column in (times, reached)]
        print(f"| {way} | {' | '.join([*cells, *medians])} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
