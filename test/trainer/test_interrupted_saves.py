"""Kills, full disks and numbers that are not finite: the last good checkpoint is kept."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from short_trainings import assert_same, settings, train
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd

from rl_trainer_ros.algorithms.protocol import LearnedParts
from rl_trainer_ros.environments.make_env import make_environment, make_robot_env
from rl_trainer_ros.evaluation.episodes import evaluate
from rl_trainer_ros.training.checkpoints import contents, folders, trained_models
from rl_trainer_ros.training.checkpoints.errors import NotSaved
from rl_trainer_ros.training.checkpoints.saver import Diverged, check_finite
from rl_trainer_ros.training.train import TrainingRun

pytestmark = [pytest.mark.slow, pytest.mark.resume, pytest.mark.xdist_group("checkpoints")]


@pytest.mark.parametrize("algo", ["ppo", "sac"])
def test_what_has_diverged_is_never_saved(algo: str, tmp_path: Path) -> None:
    """A learning rate that makes weights overflow: one line, no traceback, and the last good checkpoint is kept."""
    config = settings(
        tmp_path, algo, num_timesteps=100_000, best_by="training", best_min_episodes=1000, best_window=1000
    )
    begun = train(replace(config, num_timesteps=120)).folder
    good = folders.read(begun / "final").folder.resolve()
    lines: list[str] = []
    training = TrainingRun(replace(config, resume=str(begun)), lambda _: make_environment(config))
    broken = iter([False] * 100)

    def break_it() -> bool:
        if next(broken, None) is None:
            for values in training_parameters():
                values.data.fill_(float("nan"))
        return False

    def training_parameters() -> list[Any]:
        return [values for group in caught for values in group.policy.parameters()]

    caught: list[Any] = []

    class Catch(BaseCallback):
        def _on_training_start(self) -> None:
            caught.append(self.model)

        def _on_step(self) -> bool:
            return True

    result = training.run(break_it, lines.append, [Catch()])
    assert result.ended == "failed" and isinstance(result.error, Diverged)
    assert "\n" not in str(result.error) and f"{begun}/checkpoints/" in str(result.error), result.error
    assert "the learning has diverged" in str(result.error) and "hyperparameters.learning_rate" in str(result.error)
    for one in folders.all_of(begun):
        assert trained_models.load(one.folder)
    assert good.is_dir()
    for path in begun.rglob("normalisation.json"):
        assert "NaN" not in path.read_text() and "Infinity" not in path.read_text()


def test_statistics_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    statistics = SimpleNamespace(norm_obs=False, epsilon=1e-8, ret_rms=RunningMeanStd(shape=()))
    learner: Any = SimpleNamespace(parts=lambda: LearnedParts({"policy": torch.nn.Linear(1, 2)}, {}))
    check_finite(learner, statistics)
    statistics.ret_rms.var = np.float64("inf")
    with pytest.raises(Diverged, match="statistics of observations and rewards, return_variance"):
        check_finite(learner, statistics)


def test_a_save_that_fails_midway_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second and the last checkpoint are interrupted in the middle of a file."""
    write, count = Path.write_bytes, iter(range(100))

    def full(path: Path, content: bytes) -> int:
        if path.name == contents.PARAMETERS and path.parent.name.startswith((".000000256_exact", ".000000320_final")):
            next(count)
            write(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    lines: list[str] = []
    config = settings(tmp_path, num_timesteps=320, best_window=1000)
    training = TrainingRun(config, lambda _: make_environment(config))
    result = training.run(report=lines.append)
    run = result.folder
    assert [line for line in lines if "not saved" in line] == [
        f"checkpoint not saved: [Errno 28] No space left on device: '{run}/checkpoints/000000256_exact'; training continues "
        f"and tries again, the last one is {run}/checkpoints/000000128_exact"
    ]
    assert result.ended == "failed" and isinstance(result.error, NotSaved)
    assert "the last checkpoint is" in str(result.error) and "\n" not in str(result.error)
    assert next(count) == 2 and not list((run / "checkpoints").glob(".*"))
    monkeypatch.undo()
    whole = train(settings(tmp_path / "whole", num_timesteps=320, best_window=1000)).folder
    assert_same(train(replace(config, resume=str(run))).folder, whole)  # what was not saved changed nothing


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # TensorBoard's writer dies loudly
def test_a_full_disk_does_not_end_training(small_disk: Path) -> None:
    config = settings(small_disk, num_timesteps=640)
    lines: list[str] = []
    calls = iter(range(10**9))

    def fill_and_empty() -> bool:
        call, filler = next(calls), small_disk / "filler"
        if call == 150:
            with open(filler, "wb", buffering=0) as stream:
                for block in (2**16, 1):  # to the last byte
                    try:
                        while stream.write(bytes(block)):
                            pass
                    except OSError:
                        continue
        elif call == 400:
            (newest,) = (one.folder for one in folders.all_of(next(small_disk.glob("*/*/*/*"))) if one.exact)
            assert newest.name == "000000128_exact" and trained_models.load(newest)
            filler.unlink()
        return False

    training = TrainingRun(config, lambda _: make_environment(config))
    result = training.run(fill_and_empty, report=lines.append)
    assert result.error is None and result.num_timesteps == 640
    assert len([line for line in lines if "checkpoint not saved: [Errno 28]" in line]) == 1
    assert "checkpoints are saved again" in lines and trained_models.load(result.folder / "final")


KILLED = """
import sys
from short_trainings import settings, train
from pathlib import Path
train(settings(Path(sys.argv[1]), num_timesteps=3000, checkpoint_every_steps=64, resume=sys.argv[2]), lines=Said())
"""
SAID = "class Said(list):\n    def append(self, line): print(line, flush=True)\n"


@pytest.mark.timeout(120 + 60 * int(os.environ.get("KILLS", "2")))
def test_killed_at_any_moment_and_resumed_it_ends_where_it_would_have(tmp_path: Path) -> None:
    """KILLS=10 for more kills; they come at random times, many of them while a checkpoint is written."""
    seed = int.from_bytes(os.urandom(2), "little")
    moments = random.Random(seed)
    resumed = ""
    kills = int(os.environ.get("KILLS", "2"))
    for left in reversed(range(kills + 1)):
        process = subprocess.Popen(
            [sys.executable, "-c", SAID + KILLED, str(tmp_path / "killed"), resumed],
            env={**os.environ, "PYTHONPATH": f"{Path(__file__).parents[1] / 'helpers'}:{Path(__file__).parents[2]}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = process.stdout.readline()
        assert "run folder" in said, f"{said}{process.stdout.read()} (seed {seed})"
        if left:
            try:
                process.wait(moments.uniform(0.0, 4.0 / kills))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        rest = process.communicate(timeout=100.0)[0]
        run = Path(said.split()[2])
        for folder in (run / "checkpoints").glob("[!.]*"):
            assert trained_models.load(folder), f"seed {seed}"
        if process.returncode == 0 or (run / "final").exists():  # killed when all was done: there is nothing to resume
            break
        assert process.returncode == -signal.SIGKILL, f"{rest} (seed {seed})"
        resumed = str(run)
    if process.returncode == 0:
        assert json.loads((run / "result.json").read_text())["ended"] == "finished"
    whole = train(settings(tmp_path / "whole", num_timesteps=3000, checkpoint_every_steps=64)).folder
    assert_same(run, whole)
    policy = trained_models.load(run / "final")
    assert len(evaluate(lambda observation, _: policy.act(observation), make_robot_env(), 2).steps) == 2
