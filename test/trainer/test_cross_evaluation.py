"""Cross-evaluation: metrics compared with hand calculations, its command, and that it does not change a training."""

from __future__ import annotations

import csv
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from rl_trainer_ros.cli.commands.cross_evaluate import CrossEvaluateOptions, cross_evaluate_runs
from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions, evaluate_run
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation import matrix_picture, transfer
from rl_trainer_ros.evaluation.episodes import Evaluation, evaluate
from rl_trainer_ros.evaluation.matrix import RETURN, SUCCESS, Cell, Matrix, from_rows
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
from rl_trainer_ros.training import early_checks
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.cross_evaluation import measure, models, sequence, tasks, unfinished
from rl_trainer_ros.training.cross_evaluation.models import Model
from rl_trainer_ros.training.cross_evaluation.tasks import EvaluatedTask
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

FIXTURES = Path(__file__).parents[1] / "fixtures" / "written_by_102c4b8"
NAN = math.nan

SCORES = np.array([[0.9, 0.2, 0.1], [0.6, 0.8, 0.3], [0.5, 0.9, 0.7]])
"""After each of three tasks (rows), the score on each (columns)."""


def test_transfer_by_hand() -> None:
    """The last model lost .4 on the first task and gained .1 on the second, since each was learned."""
    assert transfer.average_score(SCORES) == pytest.approx((0.5 + 0.9 + 0.7) / 3)
    assert transfer.backward_transfer(SCORES) == pytest.approx(((0.5 - 0.9) + (0.9 - 0.8)) / 2)
    assert transfer.forgetting(SCORES) == pytest.approx(((0.9 - 0.5) + (0.8 - 0.9)) / 2)
    assert transfer.forward_transfer(SCORES, [0.5, 0.05, 0.1]) == pytest.approx(((0.2 - 0.05) + (0.3 - 0.1)) / 2)


def test_forgetting_counts_from_the_best_that_any_earlier_model_had() -> None:
    """Learning the second task made the first better, .5 to .8, before the third ruined it: BWT counts from .5."""
    scores = np.array([[0.5, 0.0, 0.0], [0.8, 0.6, 0.0], [0.1, 0.6, 0.9]])
    assert transfer.forgetting(scores) == pytest.approx(((0.8 - 0.1) + 0.0) / 2)
    assert transfer.backward_transfer(scores) == pytest.approx(((0.1 - 0.5) + 0.0) / 2)


def test_transfer_of_what_is_not_known_or_no_sequence() -> None:
    assert math.isnan(transfer.forgetting([[NAN, 0.0], [0.1, 0.5]]))
    assert transfer.backward_transfer([[0.2, NAN], [0.1, NAN]]) == pytest.approx(-0.1)
    for scores in ([[1.0]], [[1.0, 2.0]], [1.0, 2.0]):
        with pytest.raises(ValueError, match=r"expected \(T, T\) with T of at least 2"):
            transfer.forgetting(scores)
    with pytest.raises(ValueError, match="expected one score for each of 3 tasks"):
        transfer.forward_transfer(SCORES, [0.0])


def cell(success: float, total: float) -> Cell:
    figures = {SUCCESS: success, RETURN: total, "episodes": 10.0}
    figures |= {f"{SUCCESS}_low": success - 0.1, f"{SUCCESS}_high": success + 0.1}
    return Cell(figures | {f"{RETURN}_low": total - 1.0, f"{RETURN}_high": total + 1.0})


MODELS = [{"model": name, "path": f"runs/{name}", "steps": "100", "learned": name} for name in ("a", "b, $x_")]
TASKS = [{"evaluated_on": name, "task": name} for name in ("circular", "square")]
CELLS = {
    (0, 0): cell(0.5, 12.0),
    (0, 1): Cell(reason="no fit"),
    (1, 0): cell(0.25, -3.0),
    (1, 1): Cell(reason="no fit"),
}


def test_a_matrix_as_text_and_through_its_file() -> None:
    matrix = Matrix(MODELS, TASKS, CELLS)
    lines = matrix.text().splitlines()
    assert lines[0] == "success, % (95 % interval)"
    assert lines[2].split("   ")[0:1] == ["  a"] and "50 (40 to 60)" in lines[2] and lines[2].endswith("-")
    assert any("12.00 (11.00 to 13.00)" in line for line in lines)
    assert matrix.reasons() == {"no fit": ["a on square", "b, $x_ on square"]}
    rows = [{name: str(value) for name, value in row.items()} for row in matrix.rows()]
    again = from_rows([*rows, {"model": "", "task": "x"}, {"nonsense": "1"}])
    assert again.names == matrix.names and again.text() == matrix.text() and again.reasons() == matrix.reasons()
    np.testing.assert_array_equal(again.values(SUCCESS), [[0.5, NAN], [0.25, NAN]])


def test_the_picture_is_darkest_where_a_task_is_done_best(tmp_path: Path) -> None:
    np.testing.assert_allclose(matrix_picture.shares([[0.5, NAN], [0.25, NAN]], SUCCESS), [[0.5, NAN], [0.25, NAN]])
    shares = matrix_picture.shares([[12.0, NAN], [-3.0, NAN], [2.0, 7.0]], RETURN)
    np.testing.assert_allclose(shares, [[1.0, NAN], [0.0, NAN], [1 / 3, 0.0]])
    matrix_picture.save_picture(Matrix(MODELS, TASKS, CELLS), tmp_path / "m.png", "a $ sign_")
    assert Image.open(tmp_path / "m.png").size[0] >= 550


def model(task: str, run: str = "run", seed: int = 0, load_model: str = "", steps: int = 0, **more: Any) -> Model:
    config = replace(TrainerConfig(task=task, seed=seed, load_model=load_model), **more)
    return Model(Path(run), Path(run) / "checkpoints" / f"{steps:09d}_final", config)


def test_names_tell_models_apart() -> None:
    assert models.labels([model("reach", "a", 0), model("reach", "b", 1)]) == ["seed 0", "seed 1"]
    assert models.labels([model("reach", "r/a"), model("reach", "r/b")]) == ["a", "b"]
    two = [model("reach", "a", steps=100), model("reach", "a", steps=2000), model("circular", "b", steps=7)]
    assert models.labels(two) == ["reach 100 steps", "reach 2,000 steps", "circular"]
    assert models.labels([model("reach", "x/a"), model("reach", "y/a")]) == ["a 1", "a 2"]


def test_the_tasks_of_runs_or_those_that_are_named() -> None:
    own = [
        TrainerConfig(task="circular", task_settings="{good_steps: 5}"),
        TrainerConfig(task="reach", imperfection="mild"),
    ]
    first, second = EvaluatedTask("circular", "{good_steps: 5}"), EvaluatedTask("reach", imperfection="mild")
    assert tasks.evaluated([*own, own[0]]) == [first, second]
    assert tasks.evaluated(own, ["square", "circular"]) == [EvaluatedTask("square"), first]
    crossed = tasks.evaluated(own, ["circular"], ["inmoov", "kuka_iiwa"], ["none", "strong"])
    pairs = [(robot, imperfection) for robot in ("inmoov", "kuka_iiwa") for imperfection in ("none", "strong")]
    assert [(one.robot, one.imperfection) for one in crossed] == pairs
    assert tasks.names(crossed)[3] == "circular, robot kuka_iiwa, imperfection strong"
    assert tasks.names([first, second]) == [
        "circular, {good_steps: 5}",
        "reach, imperfection mild",
    ]
    with pytest.raises(ConfigError, match="unknown task 'cirlce'"):
        tasks.evaluated(own, ["cirlce"])


def test_a_run_keeps_its_own_actions_on_another_task() -> None:
    assert tasks.environment_of(TrainerConfig(task="circular"), EvaluatedTask("reach")).action == "plane"
    assert tasks.environment_of(TrainerConfig(task="reach"), EvaluatedTask("circular")).action == "joint_velocity"


def test_a_sequence_is_told_by_the_models_that_runs_began_with(tmp_path: Path) -> None:
    chain = [model("circular", "a"), model("square", "b", load_model="a/final"), model("escape", "c", load_model="b")]
    assert sequence.is_sequence(chain)
    assert not sequence.is_sequence(chain[:1]) and not sequence.is_sequence([chain[0], chain[2]])
    on = tasks.evaluated([one.config for one in chain])
    assert sequence.columns_of(chain, on) == [0, 1, 2] and sequence.columns_of(chain, on[::-1]) == [2, 1, 0]
    with pytest.raises(ConfigError, match="task escape, which is evaluated 0 times"):
        sequence.columns_of(chain, on[:2])
    with pytest.raises(ConfigError, match="each with another task"):
        sequence.columns_of([chain[0], chain[0]], on)


def test_what_a_sequence_kept_is_of_its_tasks_in_their_order() -> None:
    """The columns have another order than the learned tasks, and the last row is the untrained model."""
    order = [2, 0, 1]
    values = np.vstack([SCORES, [0.5, 0.05, 0.1]])
    cells = {(i, order[j]): cell(values[i, j], 10 * values[i, j]) for i in range(4) for j in range(3)}
    rows, columns = [{"model": str(i)} for i in range(4)], [{"evaluated_on": str(j)} for j in range(3)]
    kept = {(one.name, one.of): one.value for one in sequence.figures(Matrix(rows, columns, cells), order)}
    assert kept["backward transfer", SUCCESS] == pytest.approx(-0.15)
    assert kept["forward transfer", RETURN] == pytest.approx(1.75)
    assert kept["forgetting", SUCCESS] == pytest.approx(0.15)
    text = sequence.text(sequence.figures(Matrix(rows, columns, cells), order))
    assert "backward transfer            -15.0" in text and "Chaudhry et al. 2018" in text


@pytest.mark.slow
def test_a_matrix_of_two_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Checkpoints of one run and a model of another one, on their task and on one with a robot that they do not fit."""
    runs = tmp_path / "runs"
    shutil.copytree(FIXTURES, runs, symlinks=True)
    text = f"{runs / 'ppo'}/checkpoints/128,ppo/final,{runs / 'sac'}"
    file = tmp_path / "out" / "matrix.csv"
    short = "task_settings: '{max_episode_steps: 6}'"
    for run in ("ppo", "sac"):
        path = runs / run / "config.yaml"
        path.write_text(path.read_text().replace("task_settings: ''", short))
    options = CrossEvaluateOptions(text, robots="inmoov,kuka_iiwa", episodes=2, file=str(file), log_dir=str(runs))
    assert cross_evaluate_runs(options) == 0
    rows = list(csv.DictReader(file.open(newline="")))
    assert [(row["model"], row["robot"]) for row in rows] == [
        (model, robot) for model in ("ppo 128 steps", "ppo 256 steps", "sac") for robot in ("inmoov", "kuka_iiwa")
    ]
    policy = trained_models.load(runs / "ppo" / "checkpoints" / "000000128_exact")
    config = TrainerConfig(task_settings="{max_episode_steps: 6}")
    environment = make_environment(config.environment())
    figures = evaluate(PolicyRunner(policy.algorithm, policy.normalisation.apply), environment, 2).to_dict()
    environment.close()
    assert float(rows[0]["mean_return"]) == figures["mean_return"] and rows[0]["episodes"] == "2"
    assert [float(rows[0][f"mean_return_{end}"]) for end in ("low", "high")] == figures["mean_return_interval"]
    assert "space is" in rows[1]["reason"] and rows[1]["mean_return"] == "" and not rows[0]["reason"]
    said = capsys.readouterr().out
    assert said.count("the model's observation space is") == 1 and "ppo 256 steps on reach, robot kuka_iiwa" in said
    assert file.with_suffix(".png").is_file()


@pytest.mark.resume
def test_an_interrupted_matrix_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C loses the cell that is evaluated, not those before it; a model that was saved since is evaluated again."""
    played: list[int] = []

    def play(actor: Any, normalise: Any, robots: Any, episodes: int, **more: Any) -> Evaluation:
        played.append(episodes)
        if len(played) == 3:
            raise KeyboardInterrupt
        numbers = np.full(episodes, float(len(played)))
        return Evaluation(numbers > 1, numbers, numbers, numbers, held=None)

    monkeypatch.setattr(measure, "evaluate_at_once", play)
    runs = tmp_path / "runs"
    for name in ("ppo", "sac"):
        shutil.copytree(FIXTURES / name, runs / name, symlinks=True)
    options = CrossEvaluateOptions(str(runs), tasks="reach,button", episodes=2, log_dir=str(runs))
    with pytest.raises(KeyboardInterrupt):
        cross_evaluate_runs(options)
    (left,) = (runs / "cross_evaluations").iterdir()
    assert left.name.endswith("_unfinished.csv") and left.read_text().count("not evaluated yet") == 2
    assert "the same command continues with them" in capsys.readouterr().err
    assert cross_evaluate_runs(replace(options, episodes=1, tasks="reach")) == 0  # other cells: from the beginning
    assert left.is_file() and len(played) == 5
    about = runs / "sac" / "checkpoints" / (runs / "sac" / "final").resolve().name / "about.json"
    os.utime(about, (about.stat().st_atime, left.stat().st_mtime + 5.0))
    assert cross_evaluate_runs(options) == 0
    assert "1 of 4 cells are in" in capsys.readouterr().out and len(played) == 8
    assert not left.exists()
    file = left.with_name(left.name.replace("_unfinished", ""))
    rows = list(csv.DictReader(file.open(newline="")))
    assert [(row["model"], row["task"], row["mean_return"]) for row in rows] == [
        ("ppo", "reach", "1.0"),
        ("ppo", "button", "7.0"),
        ("sac", "reach", "6.0"),
        ("sac", "button", "8.0"),
    ]


@pytest.mark.bad_input
def test_results_that_cannot_be_written_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a full disk, or of a run that is read-only: the episodes took minutes."""
    shutil.copytree(FIXTURES / "ppo", tmp_path / "ppo", symlinks=True)

    def full(*arguments: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device", "here")

    monkeypatch.setattr(run_folder, "write_json", full)
    assert evaluate_run(EvaluateOptions(str(tmp_path / "ppo"), episodes=1)) == 1
    said = capsys.readouterr().out
    assert "not written: [Errno 28] No space left on device: 'here'" in said and "reached " in said
    monkeypatch.setattr(unfinished, "write_table", full)
    file = tmp_path / "m.csv"
    assert cross_evaluate_runs(CrossEvaluateOptions(str(tmp_path / "ppo"), episodes=1, file=str(file))) == 0
    assert "the cells so far are not kept: [Errno 28]" in capsys.readouterr().err and file.is_file()


@pytest.mark.bad_input
def test_models_that_are_not_there() -> None:
    for text, named in (
        (f"{FIXTURES}/ppo/checkpoints/129", "no checkpoint of 129 steps; it has: 000000128_exact, 000000256_final"),
        (f"{FIXTURES}/nothing", "is not a run folder"),
        (f"{FIXTURES}/encoder", "is not a run folder"),
        ("latest", "no run in"),
        (" , ", "runs is empty"),
    ):
        with pytest.raises(ConfigError, match=named):
            cross_evaluate_runs(CrossEvaluateOptions(text, log_dir="/no/runs", file="m.csv"))
    with pytest.raises(ConfigError, match="has no best model; it has: model:=latest, model:=final"):
        models.find([str(FIXTURES / "sac")], "runs", "best")
    with pytest.raises(ConfigError, match="give the name of a .csv file"):
        cross_evaluate_runs(CrossEvaluateOptions(file="m.png"))


@pytest.mark.bad_input
def test_a_damaged_run_of_a_folder_is_left_out_and_named(tmp_path: Path) -> None:
    for name in ("whole", "cut", "no_model", "student"):
        shutil.copytree(FIXTURES / "ppo", tmp_path / name, symlinks=True)
    (tmp_path / "cut" / "config.yaml").write_text("trainer: [")
    (tmp_path / "no_model" / "final").unlink()
    with open(tmp_path / "student" / "config.yaml", "a", encoding="utf-8") as stream:
        stream.write("distillation: {environments: [a]}\n")
    notes: list[str] = []
    found = models.find([str(tmp_path)], "runs", "final", notes.append)
    assert [one.run.name for one in found] == ["whole"]
    assert len(notes) == 3 and "not valid YAML" in notes[0] and "no_model has no final model" in notes[1]
    assert "environments is 'a'; expected a mapping" in notes[2]
    shutil.rmtree(tmp_path / "whole")
    with pytest.raises(ConfigError, match="not valid YAML"):
        models.find([str(tmp_path)], "runs", "final")


@pytest.mark.bad_input
def test_a_matrix_of_empty_cells_is_written_and_is_a_failure(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "sac", tmp_path / "run", symlinks=True)
    (tmp_path / "run" / "final" / "about.json").write_text("{")
    file = tmp_path / "m.csv"
    assert (
        cross_evaluate_runs(CrossEvaluateOptions(str(tmp_path / "run"), tasks="reach", episodes=1, file=str(file))) == 1
    )
    with open(file, encoding="utf-8") as stream:
        assert ["not JSON" in row["reason"] for row in csv.DictReader(stream)] == [True]


@pytest.mark.bad_input
def test_tasks_that_cannot_be_cross_evaluated() -> None:
    with pytest.raises(ConfigError, match="unknown robot 'inmov'"):
        tasks.evaluated([TrainerConfig()], robots=["inmov"])
    with pytest.raises(ConfigError, match="unknown imperfection 'mid'"):
        tasks.evaluated([TrainerConfig()], imperfections=["mid"])

    def config(cross_evaluate_tasks: str, **more: Any) -> TrainerConfig:
        return TrainerConfig(cross_evaluate_every_steps=100, cross_evaluate_tasks=cross_evaluate_tasks, **more)

    with pytest.raises(ConfigError, match="needs both steps and tasks; add cross_evaluate_tasks:=circular,square"):
        config("")
    with pytest.raises(ConfigError, match="add cross_evaluate_every_steps:=10000"):
        TrainerConfig(cross_evaluate_tasks="reach")
    with pytest.raises(ConfigError, match="unknown task 'cirlce'"):
        early_checks.check(config("reach,cirlce"))
    with pytest.raises(ConfigError, match="cross_evaluate_tasks: simple has another observation space than circular"):
        early_checks.check(config("simple", task="circular", task_memory=True))
    early_checks.check(config("[reach, circular]"))


@pytest.mark.slow
@pytest.mark.equality
def test_a_training_does_not_notice_that_other_tasks_are_evaluated(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "num_timesteps": 300,
        "task": "square",
        "task_settings": "{max_episode_steps: 20}",
        "hyperparameters": "{n_steps: 100, batch_size: 50, n_epochs: 2}",
    }
    crossed = {"cross_evaluate_every_steps": 100, "cross_evaluate_tasks": "square,simple", "cross_evaluate_episodes": 1}
    results, lines = [], []  # type: list[Any], list[str]
    for name, more in (("alone", {}), ("crossed", crossed)):
        config = replace(TrainerConfig(transport="in_process", log_dir=str(tmp_path / name), **settings), **more)
        results.append(TrainingRun(config, lambda _, c=config: make_environment(c)).run(report=lines.append))
    assert [result.error for result in results] == [None, None]
    alone, watched = (trained_models.load(one.folder / "final").algorithm.policy.state_dict() for one in results)
    assert all(torch.equal(alone[name], watched[name]) for name in alone)
    folder = results[1].folder
    rows = list(csv.DictReader((folder / "cross_evaluations.csv").open(newline="")))
    assert [(int(row["steps"]), row["evaluated_on"]) for row in rows] == [
        (steps, task) for steps in (100, 200, 300) for task in ("square", "simple")
    ]
    assert all(row["mean_steps"] == "20.0" for row in rows[::2]) and rows[1]["mean_steps"] == "250.0"
    assert sum(line.startswith("cross-evaluation at ") for line in lines) == 3
    assert list((folder / "cross_evaluation").glob("events.out.tfevents.*"))
    assert not (results[0].folder / "cross_evaluations.csv").exists()
