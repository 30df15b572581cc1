"""Training: it learns, repeats bit for bit, and writes a complete folder."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from stable_baselines3.common.callbacks import BaseCallback
from support import save_random_encoder

from rl_trainer_ros.algorithms import SCHEDULES, constructor_arguments, hyperparameters
from rl_trainer_ros.algorithms.hyperparameters import after_first_episodes
from rl_trainer_ros.arm.arm import StepState
from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.cli.commands.evaluate import EvaluateError, EvaluateOptions, evaluate_run
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.finite import NotFinite
from rl_trainer_ros.environments.make_env import make_environment, make_robot_env
from rl_trainer_ros.evaluation.episodes import Evaluation, evaluate, wilson_interval
from rl_trainer_ros.tasks import Outcome
from rl_trainer_ros.training import trained_policy
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.checkpoints.folders import LINKS
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.runs.run_folder import TrainingResult
from rl_trainer_ros.training.train import TrainingRun, hidden
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError, from_mapping
from robot_interface_ros.errors import RobotTimeout

pytestmark = [pytest.mark.xdist_group("training"), pytest.mark.slow]


def run(folder: Path, **settings: object) -> TrainingResult:
    config = replace(TrainerConfig(transport="in_process", log_dir=str(folder)), **settings)  # type: ignore[arg-type]
    return TrainingRun(config, lambda _: make_environment(config)).run(report=lambda line: None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    return run(tmp_path_factory.mktemp("runs"), num_timesteps=20_000)


def test_hindsight_replay_learns_once_every_robot_has_ended_an_episode(tmp_path: Path) -> None:
    """Three robots need 90 steps for their first episodes; stable-baselines3 fails if it has to learn before."""
    hers = {"learning_starts": 30, "batch_size": 16, "net_arch": [16]}
    result = run(
        tmp_path,
        algo="sac",
        observation="joints",
        goal_conditioned=True,
        task_settings="{reward: sparse, max_episode_steps: 30}",
        namespaces=("/env_0", "/env_1", "/env_2"),
        num_timesteps=120,
        hyperparameters=json.dumps(hers),
    )
    assert result.error is None and result.ended == "finished"
    assert run_folder.hyperparameters_of(result.folder)["learning_starts"] == 90
    assert after_first_episodes({"her": True, "learning_starts": 500}, 90)["learning_starts"] == 500
    assert after_first_episodes({"learning_starts": 30}, 90) == {"learning_starts": 30}


@pytest.mark.timeout(400)  # the first of them trains for 20,000 steps
def test_ppo_learns_to_reach(trained: TrainingResult) -> None:
    """An untrained policy reaches almost no target; after 20k steps it reaches most."""
    policy = trained_models.load(trained.folder / "final")
    learned = evaluate(lambda observation, _: policy.act(observation), make_robot_env(), 60)
    generator = np.random.default_rng(0)
    untrained = evaluate(lambda _, __: generator.uniform(-1, 1, 5).astype(np.float32), make_robot_env(), 30)
    assert untrained.success.mean() < 0.15
    assert learned.success.mean() > 0.6
    assert learned.distance.mean() < 0.3 * untrained.distance.mean()


@pytest.mark.timeout(400)  # the first of them trains for 20,000 steps
def test_the_run_folder_holds_everything(trained: TrainingResult) -> None:
    folder = trained.folder
    assert folder.parts[-4:-1] == ("reach", "ground_truth", "ppo")
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    assert settings["trainer"]["num_timesteps"] == 20_000 and settings["hyperparameters"]["n_steps"] == 2048
    assert run_folder.load_config(folder).num_timesteps == 20_000
    assert settings["robot"]["joints"]["r_shoulder_lift_joint"]["velocity"] == pytest.approx(0.35)
    assert f"torch {torch.__version__}" in (folder / "versions.txt").read_text()
    with open(folder / "monitor.csv") as stream:
        next(stream)
        episodes = list(csv.DictReader(stream))
    assert sum(int(row["l"]) for row in episodes) > 19_000 and {"is_success", "distance"} <= set(episodes[0])
    with open(folder / "progress.csv") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[-1]["task/success_rate"]) > float(rows[0]["task/success_rate"])
    assert list(folder.glob("events.out.tfevents.*"))
    result = json.loads((folder / "result.json").read_text())
    assert (result["ended"], result["num_timesteps"]) == ("finished", 20_480)
    assert trained_models.load(folder / "best").about["num_timesteps"] <= 20_480
    kept = {path.name for path in (folder / "checkpoints").iterdir()}
    linked = {(folder / link).resolve().name for link in ("best", "latest", "final")}
    assert linked <= kept
    older = kept - linked  # the best model as of the one checkpoint that can be resumed
    assert len(older) <= 1 and all(name.endswith("_best") for name in older)
    assert (folder / "latest").resolve().name == "000010240_exact"  # the first rollout's end after 10,000 steps


@pytest.mark.equality
def test_the_same_seed_gives_the_same_parameters(tmp_path: Path) -> None:
    results = [run(tmp_path / str(k), num_timesteps=2048, seed=seed) for k, seed in enumerate((1, 1, 2))]
    parameters = [trained_models.load(result.folder / "final").algorithm.policy.state_dict() for result in results]
    assert all(torch.equal(parameters[0][name], parameters[1][name]) for name in parameters[0])
    assert not all(torch.equal(parameters[0][name], parameters[2][name]) for name in parameters[0])


def test_a_stop_and_a_lost_robot_save_a_model(tmp_path: Path) -> None:
    config = TrainerConfig(transport="in_process", log_dir=str(tmp_path))
    calls = iter(range(10**9))
    stopped = TrainingRun(config, lambda _: make_environment(config)).run(lambda: next(calls) >= 500, lambda line: None)
    assert stopped.ended == "stopped" and trained_models.load(stopped.folder / "final").about["num_timesteps"] == 501

    environment = make_environment(config)
    receive, left = environment.robot.receive, iter(range(300))

    def lose(timeout_s: float | None = None) -> object:
        if next(left, None) is None:
            raise RobotTimeout("/env_0: no answer")
        return receive(timeout_s)

    environment.robot.receive = lose  # type: ignore[method-assign,assignment]
    lost = TrainingRun(config, lambda _: environment).run(report=lambda line: None)
    assert lost.ended == "failed" and str(lost.error) == "/env_0: no answer"
    assert trained_models.load(lost.folder / "final").about["num_timesteps"] == 300


def test_final_is_the_learner_after_its_last_update(tmp_path: Path) -> None:
    """The best model is saved after a rollout, before the update from it; with one rollout both have the same steps."""
    result = run(tmp_path, num_timesteps=2048, best_window=5)
    best, final = (trained_models.load(result.folder / name) for name in ("best", "final"))
    assert best.about["num_timesteps"] == final.about["num_timesteps"] == 2048
    weights = [policy.algorithm.policy.state_dict()["action_net.weight"] for policy in (best, final)]
    assert not torch.equal(weights[0], weights[1])


def test_any_failure_saves_what_was_learned(tmp_path: Path) -> None:
    config = TrainerConfig(transport="in_process", log_dir=str(tmp_path))
    result = TrainingRun(config, lambda _: failing_after(3, config)).run(report=lambda line: None)
    assert result.ended == "failed" and isinstance(result.error, ZeroDivisionError)
    assert trained_models.load(result.folder / "final").about["num_timesteps"] == 3


def failing_after(steps: int, config: TrainerConfig) -> RobotEnv:
    environment, left = make_environment(config), iter(range(steps))
    judge = environment.task.step

    def step(before: StepState, after: StepState) -> Outcome:
        return judge(before, after) if next(left, None) is not None else 1 / 0  # type: ignore[return-value]

    environment.task.step = step  # type: ignore[method-assign]
    return environment


@pytest.mark.parametrize("algo", ["ppo", "sac"])
@pytest.mark.parametrize("what", ["reward", "observation"])
def test_what_is_not_finite_ends_a_training_in_one_line_and_is_not_learned(
    algo: str, what: str, tmp_path: Path
) -> None:
    config = TrainerConfig(transport="in_process", log_dir=str(tmp_path), algo=algo, num_timesteps=2000)
    environment, left = make_environment(config), iter(range(40))
    judge, encode = environment.task.step, environment._observation.encode

    def step(before: StepState, after: StepState) -> Outcome:
        outcome = judge(before, after)
        return replace(outcome, reward=float("nan")) if next(left, None) is None else outcome

    def encoded(step_state: StepState) -> object:
        values = encode(step_state)
        if next(left, None) is None:
            values[12] = np.inf
        return values

    if what == "reward":
        environment.task.step = step  # type: ignore[method-assign]
    else:
        environment._observation.encode = encoded  # type: ignore[method-assign]
    result = TrainingRun(config, lambda _: environment).run(report=lambda line: None)
    said = {
        "reward": "task Reach gave the reward nan",
        "observation": "observation GroundTruth holds inf at index [12]",
    }
    assert result.ended == "failed" and isinstance(result.error, NotFinite) and said[what] in str(result.error)
    assert trained_models.load(result.folder / "final").about["num_timesteps"] <= 41


def test_a_training_says_what_its_policy_does_not_see() -> None:
    config, task = TrainerConfig(task="circular"), make_robot_env(task="circular").task
    assert "positions of the hand 1 to 10 steps ago" in hidden(config, task) and "task_memory:=true" in hidden(
        config, task
    )
    for seen in ({"task_memory": True}, {"algo": "recurrent_ppo"}):
        assert hidden(replace(config, **seen), task) == ""  # type: ignore[arg-type]
    assert hidden(TrainerConfig(), make_robot_env().task) == ""


def test_a_start_that_learned_nothing_is_no_run(tmp_path: Path) -> None:
    """It leaves no folder and reports no saved model; for an evaluation, `latest` is a run with a model."""
    config = TrainerConfig(transport="in_process", log_dir=str(tmp_path))
    for make, stop in ((lambda _: failing_after(0, config), False), (lambda _: make_environment(config), True)):
        lines: list[str] = []
        result = TrainingRun(config, make).run(lambda: stop, lines.append)  # noqa: B023
        assert not result.folder.exists() or result.num_timesteps
        if not stop:
            assert result.ended == "failed" and lines[-1].endswith("nothing was learned, so no model is saved")
            with pytest.raises(ConfigError, match="no run in"):
                run_folder.find("latest", str(tmp_path))
    (killed,) = [result.folder.parent / "2999-01-01_00-00-00"]
    shutil.copytree(result.folder, killed, ignore=shutil.ignore_patterns("checkpoints", *LINKS))
    (killed / "config.yaml").touch()
    assert run_folder.find("latest", str(tmp_path)) == killed
    assert run_folder.find("latest", str(tmp_path), learned=True) == result.folder
    with pytest.raises(EvaluateError, match="has no best model; it has: model:=final"):
        evaluate_run(EvaluateOptions(run=str(result.folder), model="best"))


def test_a_run_that_was_copied_without_its_links_has_its_models(tmp_path: Path) -> None:
    """As `rsync -r`, and file systems without links, leave it."""
    config = TrainerConfig(transport="in_process", log_dir=str(tmp_path))
    run = TrainingRun(config, lambda _: failing_after(3, config)).run(report=lambda line: None).folder
    copied = tmp_path / "copied"
    shutil.copytree(run, copied, ignore=shutil.ignore_patterns(*LINKS))
    checkpoint = copied / "checkpoints" / (run / "final").resolve().name
    assert trained_policy.find(str(copied), "final", "") == (copied, checkpoint)
    assert trained_models.source(str(copied), "").folder == checkpoint and run_folder.has_model(copied)
    with pytest.raises(ModelError, match="has no best model; it has: model:=final"):
        trained_policy.find(str(copied), "best", "")
    (copied / "versions.txt").unlink()
    with pytest.raises(ConfigError, match="is not a run folder: it has no versions.txt; give latest"):
        trained_policy.find(str(copied), "final", "")


def test_the_latest_run_for_an_evaluation_is_one_whose_policy_was_updated(tmp_path: Path) -> None:
    """A training that is stopped before its first update saves what it has, says so, and does not stand for the last one."""
    settings = {"hyperparameters": "{n_steps: 64, batch_size: 32, n_epochs: 1}"}
    config = replace(TrainerConfig(transport="in_process", log_dir=str(tmp_path), num_timesteps=64), **settings)  # type: ignore[arg-type]
    runs, steps = {}, iter(range(20))
    for name, should_stop in (("stopped", lambda: next(steps) >= 10), ("finished", lambda: False)):
        lines: list[str] = []
        runs[name] = TrainingRun(config, lambda _: make_environment(config)).run(should_stop, lines.append).folder
        assert ("model, untrained because it ended before the first update, saved in" in lines[-1]) == (
            name == "stopped"
        )
        assert run_folder.find("latest", str(tmp_path), learned=True) == runs[name]
    (runs["stopped"] / "config.yaml").touch()
    assert run_folder.find("latest", str(tmp_path), learned=True) == runs["finished"]
    assert run_folder.find("latest", str(tmp_path)) == runs["stopped"]


def test_the_model_is_saved_before_what_watches_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fragile(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def close(self) -> None:
            raise RuntimeError("no picture")

    monkeypatch.setattr("rl_trainer_ros.training.train.make_callbacks", lambda *_: [Fragile()])
    with pytest.raises(RuntimeError, match="no picture"):
        run(tmp_path, num_timesteps=64, hyperparameters="{n_steps: 64, batch_size: 32}")
    assert trained_models.load(run_folder.find("latest", str(tmp_path)) / "final").about["ended"] == "finished"


@pytest.mark.bad_input
def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path) -> None:
    assert "has no config.yaml" in refused_run(tmp_path)


@pytest.mark.bad_input
def test_settings_that_the_learner_refuses_leave_no_run_behind(tmp_path: Path) -> None:
    """Otherwise it would be the latest run, which evaluate and resume search."""
    with pytest.raises(ConfigError, match="algo ppo refuses its settings"):
        run(tmp_path, hyperparameters="{batch_size: 1}")
    assert not list(tmp_path.rglob("config.yaml"))


def test_progress_counts_to_the_end_of_the_last_rollout(tmp_path: Path) -> None:
    said: list[str] = []
    config = TrainerConfig(transport="in_process", log_dir=str(tmp_path), num_timesteps=300, log_interval_s=0.1)
    config = replace(config, hyperparameters="{n_steps: 256, n_epochs: 1}")
    result = TrainingRun(config, lambda _: make_environment(config)).run(report=said.append)
    assert result.num_timesteps == 512
    assert any("of 512 steps" in line for line in said)


def refused_run(folder: Path) -> str:
    with pytest.raises(ConfigError) as error:
        run_folder.find(str(folder))
    return str(error.value)


@pytest.mark.bad_input
def test_settings_out_of_range_are_refused() -> None:
    for settings, message in (
        ({"num_timesteps": 0}, "num_timesteps is 0; allowed: 1 to"),
        ({"srl_model": "vea"}, "unknown srl_model 'vea'"),
        ({"control_hz": 30.0}, "not a whole number of nanoseconds"),
    ):
        with pytest.raises(ValueError, match=message):
            from_mapping(TrainerConfig, settings, "trainer")


def test_schedules_by_hand() -> None:
    assert [SCHEDULES["linear"](1e-3)(left) for left in (1.0, 0.5, 0.0)] == pytest.approx([1e-3, 5.5e-4, 1e-4])
    assert SCHEDULES["constant"](1e-3)(0.2) == 1e-3
    arguments = constructor_arguments({"learning_rate": 1e-3, "learning_rate_schedule": "linear", "n_steps": 8})
    assert arguments["n_steps"] == 8 and arguments["learning_rate"](0.0) == pytest.approx(1e-4)
    assert hyperparameters("ppo")["n_steps"] == 2048


def test_evaluation_by_hand() -> None:
    evaluation = Evaluation(
        np.array([True, True, False, True]),
        np.array([0.02, 0.03, 0.1, 0.01]),
        np.ones(4),
        np.array([10, 20, 120, 30]),
        None,
    )
    assert evaluation.line(12.4) == "reached 3 of 4 unseen targets, mean final distance 0.040 m, 12 s of training"
    assert evaluation.to_dict()["success_rate"] == 0.75
    # 8 of 10 at z = 1.96: (.8 + .19208) / 1.38416 -+ sqrt(.016 + .009604) * 1.96 / 1.38416 = .716737 -+ .226581
    assert wilson_interval(8, 10) == pytest.approx((0.490156, 0.943318), abs=1e-5)


def test_holding_counts_consecutive_steps() -> None:
    """The scripted policy stops at the target: it reaches and holds ten of ten."""
    environment = make_robot_env(end_at_success=False)
    scripted = ScriptedReach(environment.arm, 0.05)
    result = evaluate(lambda _, env: scripted.act(env.step_state), environment, 10, hold=True)
    assert result.success.all() and result.held.all() and (result.steps == 120).all()
    assert result.distance.max() < 0.01


@pytest.mark.bad_input
def test_a_policy_is_not_evaluated_on_another_encoders_states(random_encoder: str, tmp_path: Path) -> None:
    encoder = tmp_path / "encoder"
    shutil.copytree(random_encoder, encoder)
    result = run(tmp_path / "runs", num_timesteps=1, srl_model="random", srl_folder=str(encoder))
    assert evaluate_run(EvaluateOptions(run=str(result.folder), episodes=1)) == 0
    shutil.rmtree(encoder)
    save_random_encoder(encoder, seed=1)
    with pytest.raises(EvaluateError, match="the policy was trained with encoder random-.* holds random-"):
        evaluate_run(EvaluateOptions(run=str(result.folder), episodes=1))
