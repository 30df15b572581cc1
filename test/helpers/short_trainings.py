"""Trainings of a second, in process, and how their runs and checkpoints are compared and changed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.training.checkpoints import contents
from rl_trainer_ros.training.runs.run_folder import TrainingResult
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig

SMALL = {
    "ppo": "{n_steps: 64, batch_size: 64, n_epochs: 2}",
    "sac": "{learning_starts: 60, batch_size: 32, net_arch: [32, 32], buffer_size: 150}",
    "td3": "{learning_starts: 60, batch_size: 32, net_arch: [32, 32], action_noise: ou}",
    "dqn": "{learning_starts: 60, batch_size: 32, net_arch: [32, 32]}",
    "recurrent_ppo": "{n_steps: 64, batch_size: 64, n_epochs: 1}",
    "cma_es": "{population: 4}",
}


def settings(folder: Path, algo: str = "ppo", **more: Any) -> TrainerConfig:
    """Return settings of a training of 400 steps that saves an exact checkpoint each 100; `more`: other settings."""
    base = TrainerConfig(
        transport="in_process",
        log_dir=str(folder),
        algo=algo,
        hyperparameters=SMALL.get(algo, ""),
        num_timesteps=400,
        checkpoint_every_steps=100,
        best_min_episodes=1,
        best_window=5,
    )
    return replace(base, **more)


def train(config: TrainerConfig, stop_after: int | None = None, lines: list[str] | None = None) -> TrainingResult:
    """Train, and stop like Ctrl-C after so many steps of all robots; `lines` gets the reports. Raises the training's error."""
    calls = iter(range(10**9))
    training = TrainingRun(config, lambda _: make_environment(config))
    stop: Callable[[], bool] = (lambda: next(calls) >= stop_after) if stop_after else lambda: False
    result = training.run(stop, report=lines.append if lines is not None else lambda line: None)
    if result.error:
        raise result.error
    return result


def learned(run: Path) -> dict[str, Any]:
    """Return the tensors of a run's final model by name."""
    return load_file(run / "final" / contents.PARAMETERS)


def assert_same(one: Path, other: Path) -> None:
    """The final models of two runs have the same networks, optimisers, statistics, replay buffers and random states."""
    a, b = learned(one), learned(other)
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    for name in (contents.STATISTICS, contents.RANDOM):
        assert (one / "final" / name).read_text() == (other / "final" / name).read_text()
    if (one / "final" / contents.REPLAY).exists():
        with np.load(one / "final" / contents.REPLAY) as x, np.load(other / "final" / contents.REPLAY) as y:
            assert all(np.array_equal(x[name], y[name]) for name in x.files)


def rows(path: Path) -> list[dict[str, str]]:
    """Return the content of a log without times."""
    if not path.exists():
        return []
    with open(path) as stream:
        lines = [line for line in stream if not line.startswith("#")]
    table = list(csv.DictReader(lines))
    return [
        {key: row[key] for key in ("r", "l", "time/total_timesteps", "task/success_rate") if key in row}
        for row in table
    ]


def copied(checkpoint: Path, folder: Path) -> Path:
    """Copy the files of a checkpoint into a new folder, which is returned."""
    folder.mkdir(parents=True)
    for path in checkpoint.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def edited(folder: Path, **values: Any) -> None:
    """Replace values in the about.json of a checkpoint."""
    about = json.loads((folder / contents.ABOUT).read_text())
    (folder / contents.ABOUT).write_text(json.dumps({**about, **values}))
