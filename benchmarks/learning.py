"""Measure learning results: a row for each task, action and algorithm, trained in process; prints a Markdown table.

    .venv/bin/python benchmarks/learning.py                        # every row, seeds 0, 1, 2
    .venv/bin/python benchmarks/learning.py reach button seeds=0   # some rows, some seeds
    .venv/bin/python benchmarks/learning.py --list

A row is trained with the shipped settings of its algorithm, and evaluated on unseen episodes. Times are wall-clock times of
one run at a time.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, replace

from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.episodes import Evaluation, evaluate
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig

EPISODES = 100
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Row:
    """Settings and number of steps of one row."""

    steps: int
    task: str = "reach"
    action: str = ""
    task_settings: str = ""
    action_repeat: int = 1
    algo: str = "ppo"
    hyperparameters: str = ""

    def config(self, seed: int, log_dir: str) -> TrainerConfig:
        """Return the settings of the run."""
        return replace(
            TrainerConfig(),
            transport="in_process",
            task=self.task,
            action=self.action,
            task_settings=self.task_settings,
            action_repeat=self.action_repeat,
            algo=self.algo,
            hyperparameters=self.hyperparameters,
            num_timesteps=self.steps,
            seed=seed,
            log_dir=log_dir,
            checkpoint_interval_s=86_400.0,
        )


ROWS = {
    "reach": Row(150_000),
    "reach_joint_discrete": Row(300_000, action="joint_discrete"),
    "reach_end_effector": Row(150_000, action="end_effector"),
    "reach_end_effector_discrete": Row(150_000, action="end_effector_discrete", action_repeat=2),
    "reach_sac": Row(24_000, algo="sac"),
    "reach_tqc": Row(20_000, algo="tqc"),
    "reach_td3": Row(30_000, algo="td3"),
    "reach_dqn": Row(120_000, action="joint_discrete", algo="dqn"),
    "reach_qrdqn": Row(120_000, action="joint_discrete", algo="qrdqn"),
    "button": Row(100_000, task="button", task_settings="{reward: progress}"),
    "simple": Row(150_000, task="simple"),
    "circular": Row(120_000, task="circular"),
    "square": Row(120_000, task="square"),
    "eight": Row(300_000, task="eight"),
    "chasing": Row(120_000, task="chasing"),
    "escape": Row(120_000, task="escape"),
    "point_to_point": Row(100_000, task="point_to_point"),
}


def measure(row: Row, seed: int) -> tuple[float, Evaluation]:
    """Train a row once; return the training time, s, and the evaluation."""
    with tempfile.TemporaryDirectory() as log_dir:
        config = row.config(seed, log_dir)
        result = TrainingRun(config, lambda namespace: make_environment(config)).run(report=tell)
        if result.error is not None:
            raise result.error
        policy, environment = trained_models.load(result.folder / "final"), make_environment(config)
        try:
            return result.training_s, evaluate(lambda observation, _: policy.act(observation), environment, EPISODES)
        finally:
            environment.close()


def tell(line: str) -> None:
    """Print progress on standard error, because the table goes to standard output."""
    print(line, file=sys.stderr, flush=True)


def table_row(name: str, row: Row, results: list[tuple[float, Evaluation]]) -> str:
    """Return one line of the table, with the results of all seeds."""
    minutes = ", ".join(f"{seconds / 60:.1f}" for seconds, _ in results)
    success = ", ".join(f"{100 * found.success.mean():.0f}" for _, found in results)
    returns = ", ".join(f"{found.episode_return.mean():.1f}" for _, found in results)
    distance = ", ".join(f"{100 * found.distance.mean():.1f}" for _, found in results)
    repeats = f"x {row.action_repeat}" if row.action_repeat > 1 else ""
    settings = " ".join(part for part in (row.action or "default", repeats, row.task_settings) if part)
    return f"| {name} | {row.algo} | {settings} | {row.steps:,} | {minutes} | {success} | {returns} | {distance} |"


def main(words: list[str]) -> None:
    """Train the named rows, or all."""
    if "--list" in words:
        print("\n".join(ROWS))
        return
    seeds, steps, changed = SEEDS, None, None
    names = [word for word in words if "=" not in word] or list(ROWS)
    for word in words:
        key, equals, value = word.partition("=")
        if key == "seeds" and equals:
            seeds = tuple(int(seed) for seed in value.split(","))
        elif key == "steps" and equals:
            steps = int(value)
        elif key == "hyperparameters" and equals:
            changed = value
        elif equals or word not in ROWS:
            sys.exit(f"unknown word '{word}'; known: seeds=, steps=, hyperparameters=, --list and {', '.join(ROWS)}")
    print(
        f"| row | algorithm | action, settings | steps | minutes | success, % of {EPISODES} | return | final distance, cm |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in names:
        row = ROWS[name] if steps is None else replace(ROWS[name], steps=steps)
        row = row if changed is None else replace(row, hyperparameters=changed)
        print(table_row(name, row, [measure(row, seed) for seed in seeds]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
