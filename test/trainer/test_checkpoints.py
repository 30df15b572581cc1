"""Checkpoints: when they are saved, which are kept, damaged files are refused, foreign files run no code."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from short_trainings import assert_same, copied, edited, settings, train

from rl_trainer_ros.training.checkpoints import contents, folders, trained_models
from rl_trainer_ros.training.checkpoints.errors import ModelError
from robot_interface_ros.config import ConfigError

pytestmark = [pytest.mark.slow, pytest.mark.resume, pytest.mark.xdist_group("checkpoints")]


def test_checkpoints_are_kept_as_told(tmp_path: Path) -> None:
    run = train(settings(tmp_path, keep_checkpoints=3, num_timesteps=640)).folder
    exact = sorted(path.name for path in (run / "checkpoints").glob("*_exact"))
    assert exact == [
        "000000320_exact",
        "000000448_exact",
        "000000512_exact",
    ]  # rollouts' ends after 300, 400, 500 steps
    assert (run / "latest").resolve().name == exact[-1] and (run / "final").resolve().name == "000000640_final"
    assert {path.name for path in (run / "final").iterdir()} >= {contents.RANDOM, contents.MODEL}
    assert contents.RANDOM not in {path.name for path in (run / "best").iterdir()}


def test_by_the_clock_no_episode_ends(tmp_path: Path) -> None:
    plain = train(settings(tmp_path, checkpoint_every_steps=0)).folder
    timed = train(settings(tmp_path, checkpoint_every_steps=0, checkpoint_interval_s=1e-9)).folder
    assert list((timed / "checkpoints").glob("*_timed")) and not list((plain / "checkpoints").glob("*_timed"))
    assert_same(plain, timed)
    on = train(settings(tmp_path, checkpoint_every_steps=0, num_timesteps=600, resume=str(timed))).folder
    assert on == timed and folders.read(on / "final").num_timesteps == 640


def test_the_best_of_every_resumable_moment_stays_and_what_is_damaged_is_not_thrown_away(tmp_path: Path) -> None:
    def write(steps: int, kind: str) -> Path:
        about = {"format": folders.FORMAT, "kind": kind, "num_timesteps": steps, "saved_ns": steps, "algo": "ppo"}
        return folders.write(tmp_path, steps, kind, lambda path: note(path, about))

    def note(path: Path, about: dict[str, Any]) -> None:
        (path / folders.ABOUT).write_text(json.dumps(about))

    for steps, kind in enumerate((folders.BEST, folders.BEST, folders.EXACT, folders.BEST, folders.BEST)):
        write(steps, kind)
    damaged = write(9, folders.BEST)
    (damaged / folders.ABOUT).write_text("{")
    folders.point(tmp_path / "best", tmp_path / "checkpoints" / "000000004_best")
    folders.prune(tmp_path, 2)
    left = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert left == ["000000001_best", "000000002_exact", "000000004_best", "000000009_best"]


@pytest.mark.bad_input
def test_what_is_damaged_is_refused_in_one_line(ppo_run: Path, tmp_path: Path) -> None:
    numbers = iter(range(100))

    def refused(change: Callable[[Path], object]) -> str:
        folder = copied(ppo_run / "final", tmp_path / str(next(numbers)))
        change(folder)
        with pytest.raises((ModelError, ConfigError)) as error:
            trained_models.load(folder)
        assert "\n" not in str(error.value)
        return str(error.value)

    def nan(folder: Path) -> None:
        tensors, metadata = load_file(folder / contents.PARAMETERS), {"structure": structure(folder)}
        next(iter(tensors.values()))[0] = float("nan")
        save_file(tensors, folder / contents.PARAMETERS, metadata)

    def half(name: str) -> Callable[[Path], object]:
        return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)

    parameters, about = contents.PARAMETERS, contents.ABOUT
    assert "it has no about.json" in refused(lambda folder: (folder / about).unlink())
    assert "it has no parameters.safetensors" in refused(lambda folder: (folder / parameters).unlink())
    assert "is damaged or truncated" in refused(half(parameters))
    assert "is damaged or truncated" in refused(lambda folder: (folder / parameters).write_bytes(b"hello"))
    assert "not finite" in refused(nan)
    assert "damaged or not a model" in refused(half(about))
    assert "it is damaged or incomplete" in refused(half(contents.STATISTICS))
    returns = {"return_mean": 0.0, "return_variance": 1.0, "return_count": 1.0}
    statistics = json.dumps({"mean": [0.0] * 3, "variance": [1.0] * 3, "count": 1.0, "epsilon": 1e-8, **returns})
    assert "the files belong to different runs" in refused(
        lambda folder: (folder / contents.STATISTICS).write_text(statistics)
    )
    for name, value, said in (
        ("algo", "pipo", "unknown algo 'pipo' (did you mean ppo?)"),
        ("format", 9, "has format 9, but this version of rl_trainer_ros reads format 1"),
        ("algo", "a2c", "hyperparameters of a2c: unknown hyperparameter"),
    ):
        assert said in refused(lambda folder: edited(folder, **{name: value}))  # noqa: B023


def structure(folder: Path) -> str:
    content = (folder / contents.PARAMETERS).read_bytes()
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]["structure"]


@pytest.mark.bad_input
def test_a_strangers_checkpoint_runs_no_code(sac_run: Path, tmp_path: Path) -> None:
    """The files of a checkpoint are replaced by pickles: none of them is unpickled."""

    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "was_run",))

    folder = copied(sac_run / "final", tmp_path / "runs" / "final")
    for name in (contents.MODEL, contents.REPLAY):
        (folder / name).write_bytes(pickle.dumps(Evil()))
    assert trained_models.load(folder).act(np.zeros(16, np.float32)).shape == (5,)
    config = settings(tmp_path, "sac", load_model=str(folder), load_replay_buffer=True)
    with pytest.raises(ModelError, match=r"replay\.npz is damaged or truncated"):
        train(config)
    (folder / contents.PARAMETERS).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ModelError, match="is damaged or truncated"):
        trained_models.load(folder)
    assert not (tmp_path / "was_run").exists()
