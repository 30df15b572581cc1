"""A resumed run gives the same bits as an uninterrupted one; earlier attempts, copies and settings of runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from short_trainings import SMALL, assert_same, rows, settings, train

from rl_trainer_ros.bringup.launch_arguments import BringupError, resolve_values
from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions, evaluate_run
from rl_trainer_ros.training import resumed_settings
from rl_trainer_ros.training.checkpoints import folders, resume, trained_models
from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

pytestmark = [pytest.mark.slow, pytest.mark.resume, pytest.mark.xdist_group("checkpoints")]


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


def test_a_run_that_was_copied_without_its_links_goes_on(ppo_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / ppo_run.relative_to(ppo_run.parents[3])
    shutil.copytree(ppo_run, run)  # follows links, as scp -r does
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


@pytest.mark.bad_input
def test_settings_of_a_resumed_run_stay(ppo_run: Path, tmp_path: Path) -> None:
    config = settings(ppo_run.parents[3], resume=str(ppo_run))
    for changed, said in (
        ({"seed": 3}, "seed is 0 in the resumed run and cannot be changed to 3"),
        ({"algo": "sac"}, "algo is 'ppo'"),
        ({"namespaces": ("/env_0", "/env_1")}, "has 1 robot"),
    ):
        with pytest.raises(ConfigError, match=said):
            resumed_settings.resolved(replace(config, **changed))
    words = {"resume": str(ppo_run), "num_timesteps": "900", "transport": "topics"}
    values = resolve_values(words)
    assert values.trainer.hyperparameters == SMALL["ppo"] and values.told["num_timesteps"] == 900
    assert values.told["checkpoint_every_steps"] == 100  # the run's, not the parameter file's
    assert resumed_settings.resolved(values.trainer) == values.trainer
    with pytest.raises(BringupError, match="seed is 0 in the resumed run and cannot be changed to 1"):
        resolve_values({**words, "seed": "1"})
    with pytest.raises(ConfigError, match="is in use by another trainer"), resume.alone(ppo_run), resume.alone(ppo_run):
        pass
