"""Evaluation during a training: its results, its file, and that it does not change the training."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rl_trainer_ros.cli.commands.evaluate import EvaluateError, EvaluateOptions, evaluate_run
from rl_trainer_ros.environments.make_env import make_environment, make_robot_env
from rl_trainer_ros.evaluation.episodes import Evaluation, bootstrap_interval, evaluate
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
from rl_trainer_ros.training.callbacks.evaluation import SEED
from rl_trainer_ros.training.callbacks.evaluation_log import EvaluationLog
from rl_trainer_ros.training.checkpoints import learner_state, trained_models
from rl_trainer_ros.training.runs.run_folder import TrainingResult, load_config
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotTimeout

pytestmark = pytest.mark.slow


def run(folder: Path, lines: list[str] | None = None, **settings: Any) -> TrainingResult:
    config = replace(TrainerConfig(transport="in_process", log_dir=str(folder)), **settings)
    report = (lambda line: None) if lines is None else lines.append
    return TrainingRun(config, lambda _: make_environment(config)).run(report=report)


def rows_of(result: TrainingResult) -> list[dict[str, str]]:
    with open(result.folder / "evaluations.csv", newline="") as stream:
        return list(csv.DictReader(stream))


PPO = {"num_timesteps": 600, "hyperparameters": "{n_steps: 200, batch_size: 100, n_epochs: 2}"}
SAC = {"num_timesteps": 300, "algo": "sac", "hyperparameters": "{learning_starts: 100, batch_size: 16}"}


def test_a_stop_ends_an_evaluation_of_many_episodes_too(tmp_path: Path) -> None:
    """200 evaluated episodes take minutes, but the supervisor waits for only one minute."""
    config = replace(
        TrainerConfig(transport="in_process", log_dir=str(tmp_path), eval_every_steps=50, eval_episodes=200), **SAC
    )
    calls = iter(range(10**9))
    result = TrainingRun(config, lambda _: make_environment(config)).run(
        lambda: next(calls) >= 80, report=lambda _: None
    )
    assert (result.ended, result.error) == ("stopped", None) and not (result.folder / "evaluations.csv").exists()
    assert trained_models.load(result.folder / "final").about["num_timesteps"] == result.num_timesteps == 50
    assert next(calls) < 100


def test_whatever_an_evaluation_draws_a_training_does_not_notice() -> None:
    torch.manual_seed(0)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    with learner_state.kept_random_states():
        random.random(), np.random.random(), torch.rand(1)
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


@pytest.mark.equality
@pytest.mark.parametrize("settings", [PPO, SAC | {"task_settings": "{max_episode_steps: 8}"}])
def test_a_training_does_not_notice_its_evaluations(settings: dict[str, Any], tmp_path: Path) -> None:
    """Short episodes for films, because rendering takes time."""
    lines: list[str] = []
    more = {"eval_video": "algo" in settings}
    watched = run(tmp_path / "watched", lines, **settings, eval_every_steps=100, eval_episodes=2, **more)
    alone = run(tmp_path / "alone", **settings)
    assert watched.error is None
    parameters = [
        trained_models.load(result.folder / "final").algorithm.policy.state_dict() for result in (watched, alone)
    ]
    assert all(torch.equal(parameters[0][name], parameters[1][name]) for name in parameters[0])
    steps = [int(row["steps"]) for row in rows_of(watched)]
    assert steps == ([200, 400, 600] if "algo" not in settings else [100, 200, 300])
    assert sum(line.startswith("evaluation at ") for line in lines) == 3
    assert list((watched.folder / "evaluation").glob("events.out.tfevents.*"))
    assert (watched.folder / "learning_curve.png").is_file()
    filmed = {int(file.stem) for file in (watched.folder / "videos").glob("*.gif")}
    assert filmed == (set(steps) if more["eval_video"] else set())


def test_its_last_row_is_the_final_model_on_its_own_targets(tmp_path: Path) -> None:
    short = {"task_settings": "{max_episode_steps: 8}"}
    result = run(tmp_path, **PPO, **short, eval_every_steps=500, eval_episodes=3)
    policy = trained_models.load(result.folder / "final")
    again = evaluate(
        PolicyRunner(policy.algorithm, policy.normalisation.apply), make_robot_env(max_episode_steps=8), 3, SEED
    )
    film = tmp_path / "film.gif"
    evaluate_run(EvaluateOptions(run=str(result.folder), episodes=3, video=str(film)))
    assert film.read_bytes()[:6] == b"GIF89a"
    row = rows_of(result)[-1]
    assert float(row["mean_return"]) == again.to_dict()["mean_return"]
    assert [float(row[f"mean_return_{end}"]) for end in ("low", "high")] == again.to_dict()["mean_return_interval"]


def test_a_failed_evaluation_costs_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Evaluation:
        raise RobotTimeout("/eval: no answer")

    monkeypatch.setattr("rl_trainer_ros.training.callbacks.between_rollouts.evaluate", fail)
    lines: list[str] = []
    result = run(tmp_path, lines, **PPO, eval_every_steps=500)
    assert result.ended == "finished"
    assert "evaluation at 600 steps failed: /eval: no answer" in lines


def test_a_run_that_goes_on_drops_later_rows(tmp_path: Path) -> None:
    figures = Evaluation(np.ones(2, bool), np.ones(2), np.ones(2), np.ones(2, int), None)
    log = EvaluationLog(tmp_path, 0)
    for steps in (100, 200, 300):
        log.add(steps, figures, 0.1)
    log.close()
    log = EvaluationLog(tmp_path, 250)
    log.add(280, figures, 0.1)
    log.close()
    with open(tmp_path / "evaluations.csv", newline="") as stream:
        assert [row["steps"] for row in csv.DictReader(stream)] == ["100", "200", "280"]


def test_a_policy_with_memory_keeps_it_within_an_episode() -> None:
    seen: list[tuple[Any, bool]] = []

    class Learner:
        def predict(self, observation: Any, state: Any, episode_start: Any, deterministic: bool) -> tuple[Any, Any]:
            assert deterministic
            seen.append((state, bool(episode_start[0])))
            return observation, (state or 0) + 1

    acting = PolicyRunner(Learner(), lambda observation: 2 * observation)
    assert [acting(1.0), acting(2.0)] == [2.0, 4.0]
    acting.begin()
    acting(1.0)
    assert seen == [(None, True), (1, False), (None, True)]


def test_bootstrap_interval() -> None:
    """For many normal values it is the mean -+ 1.96 standard errors; for one value, or equal ones, this value."""
    values = np.random.default_rng(3).normal(5.0, 2.0, 1000)
    error = values.std(ddof=1) / np.sqrt(1000)
    assert bootstrap_interval(values) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.02
    )
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(np.array([3.0])) == (3.0, 3.0)


def test_the_table_has_an_interval_for_every_mean() -> None:
    success = np.array([True] * 8 + [False] * 2)
    evaluation = Evaluation(success, np.full(10, 0.025), np.full(10, 7.5), np.full(10, 40), None)
    table = evaluation.table()
    assert "success rate                80.0 % (95 % interval 49.0 to 94.3)" in table
    assert "mean final distance         0.0250 m (95 % interval 0.0250 to 0.0250; median 0.0250)" in table
    assert "mean return                 7.500 (95 % interval 7.500 to 7.500)" in table


@pytest.mark.parametrize("algo", ["ppo", "sac"])
def test_best_goes_by_the_evaluation(algo: str, tmp_path: Path) -> None:
    """best/ holds exactly the model of the best row; a resumed run continues the comparison."""
    hyperparameters = "{n_steps: 100, batch_size: 50}" if algo == "ppo" else SAC["hyperparameters"]
    settings: dict[str, Any] = {
        "task_settings": "{max_episode_steps: 20}",
        "algo": algo,
        "hyperparameters": hyperparameters,
        "checkpoint_every_steps": 100,
        "eval_every_steps": 100,
        "eval_episodes": 2,
        "best_by": "evaluation",
    }
    result = run(tmp_path, **settings, num_timesteps=200)
    assert result.error is None
    best_by_the_rows(result)
    again = run(tmp_path, **settings, num_timesteps=300, resume=str(result.folder))
    assert again.error is None
    assert len(rows_of(again)) == 3
    best_by_the_rows(again)


def best_by_the_rows(result: TrainingResult) -> None:
    rows = rows_of(result)
    best = max(rows, key=lambda row: float(row["mean_return"]))
    model = trained_models.load(result.folder / "best")
    assert model.about["num_timesteps"] == int(best["steps"])
    environment = make_environment(load_config(result.folder))
    found = evaluate(PolicyRunner(model.algorithm, model.normalisation.apply), environment, 2, SEED)
    environment.close()
    assert found.to_dict()["mean_return"] == float(best["mean_return"])


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "settings, named",
    [
        ({"best_by": "evaluation"}, "best_by:=evaluation needs evaluations: eval_every_steps"),
        ({"eval_namespace": "/eval"}, "eval_namespace has no effect without eval_every_steps"),
        (
            {"eval_namespace": "/eval", "eval_every_steps": 1, "transport": "in_process"},
            "eval_namespace has no effect without transport:=topics",
        ),
        ({"eval_namespace": "/env_0", "eval_every_steps": 1}, "a namespace is listed twice"),
        ({"eval_video": True}, "eval_video:=true has no effect without eval_every_steps"),
        (
            {"eval_video": True, "eval_every_steps": 1, "eval_namespace": "/eval"},
            "eval_video:=true needs a robot that is simulated in the trainer",
        ),
        (
            {"eval_namespace": "/my-eval", "eval_every_steps": 1},
            "namespace '/my-eval' has '-' in it; .* write '/my_eval'",
        ),
    ],
)
def test_a_robot_for_evaluations_that_cannot_be(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        TrainerConfig(**settings)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "settings, named",
    [
        ({"video": "a.avi"}, "video is a.avi; give the name of a .gif or .mp4 file"),
        ({"video": "/no/such/a.gif"}, "there is no folder /no/such; make it first"),
        ({"video": "a.gif", "transport": "topics"}, "video needs transport:=in_process"),
    ],
)
def test_a_film_that_cannot_be(settings: dict[str, Any], named: str, tmp_path: Path) -> None:
    """The error comes before the episodes, which may take long."""
    result = run(tmp_path, **PPO | {"num_timesteps": 200})
    with pytest.raises((EvaluateError, ConfigError), match=named):
        evaluate_run(EvaluateOptions(run=str(result.folder), **settings))
