"""Checkpoints: a resumed run gives the same bits, a kill or a full disk loses little, damaged files are refused."""

from __future__ import annotations

import csv
import errno
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd

from rl_trainer_ros.algorithms.protocol import LearnedParts
from rl_trainer_ros.bringup.launch_arguments import BringupError, resolve_values
from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions, evaluate_run
from rl_trainer_ros.environments.make_env import make_environment, make_robot_env
from rl_trainer_ros.evaluation.episodes import evaluate
from rl_trainer_ros.training import resumed_settings
from rl_trainer_ros.training.checkpoints import (
    contents,
    folders,
    resume,
    trained_models,
)
from rl_trainer_ros.training.checkpoints.errors import ModelError, NotSaved
from rl_trainer_ros.training.checkpoints.saver import Diverged, check_finite
from rl_trainer_ros.training.runs.run_folder import TrainingResult
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

pytestmark = [pytest.mark.slow, pytest.mark.resume, pytest.mark.xdist_group("checkpoints")]
SMALL = {
    "ppo": "{n_steps: 64, batch_size: 64, n_epochs: 2}",
    "sac": "{learning_starts: 60, batch_size: 32, net_arch: [32, 32], buffer_size: 150}",
    "td3": "{learning_starts: 60, batch_size: 32, net_arch: [32, 32], action_noise: ou}",
    "dqn": "{learning_starts: 60, batch_size: 32, net_arch: [32, 32]}",
    "recurrent_ppo": "{n_steps: 64, batch_size: 64, n_epochs: 1}",
    "cma_es": "{population: 4}",
}


def settings(folder: Path, algo: str = "ppo", **more: Any) -> TrainerConfig:
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
    calls = iter(range(10**9))
    training = TrainingRun(config, lambda _: make_environment(config))
    stop: Callable[[], bool] = (lambda: next(calls) >= stop_after) if stop_after else lambda: False
    result = training.run(stop, report=lines.append if lines is not None else lambda line: None)
    if result.error:
        raise result.error
    return result


def learned(run: Path) -> dict[str, Any]:
    return load_file(run / "final" / contents.PARAMETERS)


def assert_same(one: Path, other: Path) -> None:
    """The same networks, optimisers, statistics, replay buffers and random states, bit for bit."""
    a, b = learned(one), learned(other)
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    for name in (contents.STATISTICS, contents.RANDOM):
        assert (one / "final" / name).read_text() == (other / "final" / name).read_text()
    if (one / "final" / contents.REPLAY).exists():
        with np.load(one / "final" / contents.REPLAY) as x, np.load(other / "final" / contents.REPLAY) as y:
            assert all(np.array_equal(x[name], y[name]) for name in x.files)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(settings(tmp_path_factory.mktemp("trained"))).folder


@pytest.fixture(scope="module")
def sac(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(settings(tmp_path_factory.mktemp("sac"), "sac", num_timesteps=150)).folder


@pytest.mark.equality
@pytest.mark.parametrize(
    "algo, more",
    [
        ("ppo", {}),
        ("sac", {}),  # the replay buffer has run full
        (
            "sac",
            {
                "observation": "joints",
                "goal_conditioned": True,
                "task_settings": "{reward: distance}",
                "hyperparameters": "{learning_starts: 130, batch_size: 32, net_arch: [32, 32], buffer_size: 400, her: true}",
            },
        ),
        ("td3", {}),
        ("dqn", {"action": "joint_discrete"}),
        ("recurrent_ppo", {"namespaces": ("/env_0", "/env_1")}),
        (
            "ppo",
            {
                "checkpoint_every_steps": 0,
                "checkpoint_every_episodes": 2,
                "hyperparameters": "{n_steps: 64, batch_size: 64, n_epochs: 2, learning_rate_end_share: 0}",
            },
        ),
        ("ppo", {"hyperparameters": "{n_steps: 32, batch_size: 32, n_epochs: 2, late_update: true}"}),
        (
            "sac",
            {
                "namespaces": ("/env_0", "/env_1"),
                "hyperparameters": "{learning_starts: 60, batch_size: 32, net_arch: [32, 32], n_steps: 3}",
            },
        ),
    ],
    ids=[
        *("ppo", "sac", "sac-her", "td3-ou", "dqn", "recurrent-2-robots", "ppo-by-episodes", "ppo-late-update"),
        "sac-3-steps-2-robots",
    ],
)
def test_a_resumed_run_is_an_uninterrupted_one(algo: str, more: dict[str, Any], tmp_path: Path) -> None:
    config = settings(tmp_path, algo, **more)
    whole = train(config).folder
    cut = train(config, stop_after=290 // len(config.namespaces)).folder
    lines: list[str] = []
    resumed = train(replace(config, resume=str(cut)), lines=lines).folder
    assert resumed == cut and "resumes after" in lines[0] and resumed != whole
    assert_same(whole, resumed)
    for name in ("monitor.csv", "progress.csv"):
        assert rows(whole / name) == rows(resumed / name)


@pytest.mark.equality
@pytest.mark.parametrize(
    "algo, more, quick",
    [
        ("sac", {"observation": "raw_pixels", "imperfection": "strong"}, "learning_starts: 40, train_freq: 10"),
        ("drq", {"observation": "raw_pixels", "gaze": "hand"}, "learning_starts: 40, train_freq: 10, buffer_size: 50"),
        ("ppo", {"srl_model": "random", "gaze": "target"}, "n_steps: 32, n_epochs: 1"),
    ],
    ids=["sac-pixels", "drq", "ppo-encoder"],
)
def test_a_run_that_sees_images_is_resumed_tuned_and_evaluated(
    algo: str, more: dict[str, Any], quick: str, random_encoder: str, tmp_path: Path
) -> None:
    """Images are the same after an interruption, also of eyes that look; the policy sees several frames."""
    if "observation" in more:
        more = more | {"observation_settings": "{cameras: [external, left_eye], image_width: 40, image_height: 36}"}
    else:
        more = more | {"srl_folder": random_encoder}
    config = settings(
        tmp_path,
        algo,
        num_timesteps=96,
        checkpoint_every_steps=30,
        frame_stack=2,
        task_settings="{max_episode_steps: 15}",
        eval_every_steps=50,
        eval_episodes=1,
        hyperparameters=f"{{{quick}, batch_size: 8, net_arch: [16]}}",
        **more,
    )
    whole, cut = train(config).folder, train(config, stop_after=70).folder
    resumed = train(replace(config, resume=str(cut))).folder
    assert_same(whole, resumed)
    assert rows(whole / "evaluations.csv") == rows(resumed / "evaluations.csv")
    assert evaluate_run(EvaluateOptions(run=str(resumed), episodes=1)) == 0
    tuned = train(replace(config, load_model=str(whole), num_timesteps=32, eval_every_steps=0))
    assert tuned.num_timesteps >= 32


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


def test_a_finished_run_is_prolonged(tmp_path: Path) -> None:
    config = settings(tmp_path)
    run = train(config).folder
    with pytest.raises(ConfigError, match="already has 448 of 400 steps; set a larger number: num_timesteps:=896"):
        train(replace(config, resume=str(run)))
    assert train(replace(config, resume=str(run), num_timesteps=500)).num_timesteps == 512
    assert not (run / resume.ATTEMPTS).exists()


def test_a_run_stopped_before_its_first_exact_checkpoint_goes_on_from_its_end(tmp_path: Path) -> None:
    """Ctrl-C, then resume:=latest: no learned weights are lost, and a later resume continues from there."""
    config, lines = settings(tmp_path, checkpoint_every_steps=150), []  # type: ignore[var-annotated]
    cut = train(config, stop_after=90, lines=lines).folder
    assert lines[-1].endswith(f"model saved in {cut}/checkpoints/000000091_final; continue with resume:={cut}")
    before = rows(cut / "monitor.csv")
    on = train(replace(config, resume="latest"), stop_after=140, lines=lines).folder
    resumed_line = next(line for line in lines if "resumes" in line and "run folder" in line)
    assert on == cut and "after 91 steps, from 000000091_final (valid, but with other numbers" in resumed_line
    assert rows(cut / "monitor.csv")[: len(before)] == before and not (cut / resume.ATTEMPTS).exists()
    exact = next(one for one in folders.all_of(cut) if one.kind == folders.EXACT)
    assert exact.num_timesteps > 150 and folders.read(cut / "final").num_timesteps > exact.num_timesteps
    chosen = resume.start(resumed_settings.resolved(replace(config, resume=str(cut))))
    assert chosen and chosen.folder.name == exact.folder.name  # which leads to the end again

    # Going on from an end by name leaves the way on which the exact one leads, so that is not gone back to.
    end = train(replace(config, resume=str(cut / "final")), stop_after=20).folder
    chosen = resume.start(resumed_settings.resolved(replace(config, resume=str(end))))
    assert chosen and chosen.folder == (end / "final").resolve()


def test_an_earlier_attempt_is_kept_and_no_link_points_to_it(tmp_path: Path) -> None:
    config = settings(tmp_path, task_settings="{max_episode_steps: 15}")
    cut = train(config, stop_after=290).folder
    before = rows(cut / "monitor.csv")
    seen: dict[str, int] = {}

    class Said(list[str]):
        def append(self, line: str) -> None:
            for link in (cut / name for name in folders.LINKS if "run folder" in line):
                seen.update({link.name: folders.read(link).num_timesteps} if link.exists() else {})
            super().append(line)

    lines = Said()
    train(replace(config, resume=str(cut)), stop_after=30, lines=lines)
    assert lines[0].endswith("from 000000256_exact; later data is kept in attempts/1")
    assert seen["latest"] == 256 and "final" not in seen and seen["best"] <= 256
    attempt = cut / resume.ATTEMPTS / "1"
    (old,) = (attempt / "checkpoints").glob("*_final")
    assert trained_models.load(old).about["num_timesteps"] == 291 and (attempt / "result.json").is_file()
    with open(attempt / "monitor.csv") as stream:
        assert stream.readline().startswith("#")
    again = rows(attempt / "monitor.csv")
    assert again == before[len(before) - len(again) :] and again
    with pytest.raises(ModelError, match="belongs to an earlier attempt of its run.*load_model:="):
        resume.start(resumed_settings.resolved(replace(config, resume=str(old))))
    train(replace(config, resume=str(cut)))
    assert (cut / resume.ATTEMPTS / "2").is_dir() and trained_models.load(old)
    assert_same(cut, train(config).folder)


def test_a_run_that_was_copied_without_its_links_goes_on(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / trained.relative_to(trained.parents[3])
    shutil.copytree(trained, run)  # follows links, as scp -r does
    (run / "latest" / "mine.txt").write_text("kept")
    assert all((run / link).is_dir() and not (run / link).is_symlink() for link in folders.LINKS)
    steps = folders.read(run / "final").num_timesteps
    train(TrainerConfig(transport="in_process", resume=str(run), num_timesteps=steps + 200), stop_after=20)
    assert folders.read(run / "final").num_timesteps == steps + 21
    assert all((run / link).is_symlink() for link in folders.LINKS if (run / link).exists())
    assert [path.read_text() for path in run.glob("**/mine.txt")] == ["kept"]


def test_a_run_without_a_resumable_checkpoint_begins_again_and_keeps_its_best(tmp_path: Path) -> None:
    """As after kill -9 before the first resumable checkpoint."""
    config, lines = settings(tmp_path, checkpoint_every_steps=1000), []  # type: ignore[var-annotated]
    cut = train(config, stop_after=200).folder
    shutil.rmtree((cut / "final").resolve())
    best = folders.read(cut / "best")
    train(replace(config, resume=str(cut)), lines=lines)
    assert lines[0].endswith("no checkpoint yet: starts again; later data is kept in attempts/1")
    kept = cut / resume.ATTEMPTS / "1" / "checkpoints" / best.folder.resolve().name
    assert trained_models.load(kept).about["num_timesteps"] == best.num_timesteps
    assert_same(cut, train(config).folder)
    assert rows(cut / "monitor.csv") and (cut / "monitor.csv").read_text().count("#") == 1


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
def test_settings_of_a_resumed_run_stay(trained: Path, tmp_path: Path) -> None:
    config = settings(trained.parents[3], resume=str(trained))
    for changed, said in (
        ({"seed": 3}, "seed is 0 in the resumed run and cannot be changed to 3"),
        ({"algo": "sac"}, "algo is 'ppo'"),
        ({"namespaces": ("/env_0", "/env_1")}, "has 1 robot"),
    ):
        with pytest.raises(ConfigError, match=said):
            resumed_settings.resolved(replace(config, **changed))
    words = {"resume": str(trained), "num_timesteps": "900", "transport": "topics"}
    values = resolve_values(words)
    assert values.trainer.hyperparameters == SMALL["ppo"] and values.told["num_timesteps"] == 900
    assert values.told["checkpoint_every_steps"] == 100  # the run's, not the parameter file's
    assert resumed_settings.resolved(values.trainer) == values.trainer
    with pytest.raises(BringupError, match="seed is 0 in the resumed run and cannot be changed to 1"):
        resolve_values({**words, "seed": "1"})
    with pytest.raises(ConfigError, match="is in use by another trainer"), resume.alone(trained), resume.alone(trained):
        pass


def copied(checkpoint: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for path in checkpoint.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.bad_input
def test_what_is_damaged_is_refused_in_one_line(trained: Path, tmp_path: Path) -> None:
    numbers = iter(range(100))

    def refused(change: Callable[[Path], object]) -> str:
        folder = copied(trained / "final", tmp_path / str(next(numbers)))
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


def edited(folder: Path, **values: Any) -> None:
    about = json.loads((folder / contents.ABOUT).read_text())
    (folder / contents.ABOUT).write_text(json.dumps({**about, **values}))


@pytest.mark.bad_input
def test_a_strangers_checkpoint_runs_no_code(sac: Path, tmp_path: Path) -> None:
    """The files of a checkpoint are replaced by pickles: none of them is unpickled."""

    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "was_run",))

    folder = copied(sac / "final", tmp_path / "runs" / "final")
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


@pytest.mark.parametrize("freeze", [True, False])
def test_fine_tuning(freeze: bool, sac: Path, tmp_path: Path) -> None:
    """On another task, with a hundredth of the learning rate; each setting has its effect."""
    config = settings(
        tmp_path,
        "sac",
        task="button",
        action="joint_velocity",
        load_model=str(sac),
        freeze_normalisation=freeze,
        load_replay_buffer=freeze,
        num_timesteps=120,
        hyperparameters="{learning_starts: 60}",
    )
    run = train(config).folder
    about, model = folders.read(run / "final").about, folders.read(sac / "final").about
    assert about["task"] == "button" and about["hyperparameters"]["net_arch"] == [32, 32]
    assert about["hyperparameters"]["learning_rate"] == pytest.approx(0.01 * model["hyperparameters"]["learning_rate"])
    statistics = [json.loads((folder / "final" / contents.STATISTICS).read_text()) for folder in (sac, run)]
    assert (statistics[0] == statistics[1]) == freeze
    with np.load(run / "final" / contents.REPLAY) as replay:
        assert int(replay["pos"]) + 150 * bool(replay["full"]) == (270 if freeze else 120)
    before, after = learned(sac), learned(run)
    moved = max(
        float((before[key] - after[key]).abs().max()) for key in before if key.startswith("/modules/policy/actor")
    )
    assert 0.0 < moved < 0.005


@pytest.mark.bad_input
def test_a_model_that_does_not_fit_is_refused(trained: Path, tmp_path: Path) -> None:
    for more, said in (
        ({"algo": "sac", "hyperparameters": ""}, r"is a model of algo ppo, not sac; use algo:=ppo"),
        ({"observation": "joints"}, r"has another observation space: Box\(16,\) .* there, Box\(10,\) .* in this run"),
        ({"action": "joint_discrete"}, r"has another action space"),
        ({"preset": "pixels"}, r"preset has no effect with load_model"),
        ({"load_replay_buffer": True}, r"a PPO has no replay buffer"),
    ):
        with pytest.raises((ModelError, ConfigError), match=said):
            train(settings(tmp_path, load_model=str(trained), **more))  # type: ignore[arg-type]
    folder = copied(trained / "final", tmp_path / "other")
    edited(folder, encoder="autoencoder-1234")
    with pytest.raises(ModelError, match="was trained with encoder autoencoder-1234, but the encoder here is none"):
        train(settings(tmp_path, load_model=str(folder)))
    with pytest.raises(ConfigError, match="needs load_model"):
        settings(tmp_path, load_replay_buffer=True)


def test_a_given_rate_is_taken_and_exploration_is_not_begun_anew(trained: Path) -> None:
    model = folders.read(trained / "final")
    assert trained_models.fine_tuning_settings(model, {"learning_rate": 0.1})["learning_rate"] == 0.1
    explorer = replace(
        model,
        about={"algo": "dqn", "hyperparameters": {"exploration_final_eps": 0.1}, "counters": {"exploration_rate": 0.1}},
    )
    assert trained_models.fine_tuning_settings(explorer, {})["exploration_initial_eps"] == 0.1


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
from test_checkpoints import settings, train
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
            env={**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[2]}"},
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
