"""The report on a folder of runs: made from runs written by hand, read back as XML and CSV."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import xml.etree.ElementTree as ElementTree
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rl_trainer_ros.cli.commands import curves
from rl_trainer_ros.cli.commands.report import ReportOptions, write
from rl_trainer_ros.report import bands, findings, found_runs, settings, variants
from rl_trainer_ros.report.page import charts
from rl_trainer_ros.report.page.html import html
from rl_trainer_ros.report.page.markup import joined, link, tag, text
from rl_trainer_ros.report.write import make
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.runs.run_folder import write_json
from rl_trainer_ros.training.runs.run_tables import write_table
from rl_trainer_ros.training.runs.search import runs_below
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

EVALUATIONS = (
    "steps,mean_return,mean_return_low,mean_return_high,success_rate,success_rate_low,success_rate_high,"
    "mean_final_distance_m,mean_final_distance_m_low,mean_final_distance_m_high\n"
)


def make_run(folder: Path, success: float, ended: str = "finished", **config: Any) -> Path:
    """A run of ten episodes of 100 steps, with an evaluation of this success."""
    folder.mkdir(parents=True)
    trainer = {"trainer": {**dataclasses.asdict(TrainerConfig(**config)), "namespaces": ["env_0"]}}
    (folder / "config.yaml").write_text(yaml.safe_dump({**trainer, "hyperparameters": {}, "robot": {}}))
    (folder / "versions.txt").write_text("")
    rows = "".join(f"{i + success},100,{i}.0,{i >= 5},{0.1 * (1 - success)}\n" for i in range(10))
    (folder / "monitor.csv").write_text('#{"t_start": 1.0, "env_id": "None"}\nr,l,t,is_success,distance\n' + rows)
    row = f"{10 * success},0,10,{success},0,1,{0.1 * (1 - success)},0,1\n"
    (folder / "evaluations.csv").write_text(EVALUATIONS + f"500,{row}" + f"1000,{row}")
    if ended:
        result = {"ended": ended, "error": "no answer" if ended == "failed" else None, "training_s": 12.5}
        (folder / "result.json").write_text(json.dumps(result))
    return folder


GAMMA = "{gamma: 0.5}"
SCORES = {"": (0.9, 0.8, 1.0), GAMMA: (0.1, 0.2, 0.3)}


def twelve_runs(folder: Path) -> None:
    for task in ("reach", "circular"):
        for i, (given, scores) in enumerate(SCORES.items()):
            for seed, score in enumerate(scores):
                place = folder / task / "ground_truth" / "ppo" / f"2026-01-0{i + 1}_00-00-0{seed}"
                make_run(place, score, task=task, seed=seed, hyperparameters=given)


class Texts(HTMLParser):
    """The text that a browser shows, and the addresses that it would load."""

    def __init__(self, page: str):
        super().__init__()
        self.shown: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "srcset", "action", "data") and value
        ]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_report_of_twelve_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twelve_runs(tmp_path)
    page = tmp_path / "report.html"
    assert write(ReportOptions(folder=str(tmp_path))) == 0
    content = page.read_text(encoding="utf-8")
    ElementTree.fromstring(content.removeprefix("<!DOCTYPE html>"))
    seen = Texts(content)
    for run in tmp_path.glob("*/*/*/*"):
        assert str(run.relative_to(tmp_path)) in seen.shown
    assert not seen.tags & {"script", "link", "iframe", "object", "embed"}
    assert "http://" not in content and "https://" not in content and "url(" not in content
    for address in seen.addresses:
        assert address.startswith(("#", "data:image/gif")) or (tmp_path / address).is_dir(), address
    assert len(content) < 300_000
    assert "PPO on circular and reach" in seen.shown and seen.shown.count("Better than gamma 0.5.") == 2
    assert any("hyperparameters.gamma" in one for one in seen.shown)
    rows = read(tmp_path / "report_variants.csv")
    found = {(row["task"], row["variant"], row["measure"]): float(row["interquartile_mean"]) for row in rows}
    assert found["reach", "default", "success"] == pytest.approx(0.9)
    assert found["circular", "gamma 0.5", "return"] == pytest.approx(2.0)
    pairs = {(row["task"], row["measure"]): row for row in read(tmp_path / "report_comparisons.csv")}
    assert len(pairs) == 5 and pairs["all tasks", "success"]["probability_of_improvement"] == "1.0"
    assert pairs["reach", "success"]["variant"] == "default" and float(pairs["reach", "success"]["welch_p"]) < 0.01
    runs = read(tmp_path / "report_runs.csv")
    assert len(runs) == 12 and {row["scores_of"] for row in runs} == {"the last evaluation during the training"}
    assert "report on 12 finished runs, 0 others" in capsys.readouterr().out


def test_damaged_and_unfinished_runs_have_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    make_run(runs / "whole", 0.5)
    make_run(runs / "killed", 0.5, ended="")
    make_run(runs / "robot_gone", 0.5, ended="failed")
    (make_run(runs / "no_yaml", 0.5) / "config.yaml").write_text("trainer: [")
    unknown = "{trainer: {gamma_of_nothing: 1}, hyperparameters: {}, robot: {}}"
    (make_run(runs / "other_type", 0.5) / "config.yaml").write_text(unknown)
    (make_run(runs / "no_config", 0.5) / "config.yaml").unlink()
    (make_run(runs / "cut", 0.5) / "result.json").write_text('{"ended": "fin')
    (make_run(runs / "no_numbers", 0.5) / "monitor.csv").write_bytes(b"\xff\0\0" * 100)
    (runs / "no_numbers" / "evaluations.csv").unlink()
    gone = make_run(runs / "no_table", 0.5, seed=1)
    (gone / "evaluations.csv").unlink()
    (gone / "evaluations.csv").mkdir()
    (make_run(runs / "text", 0.5, seed=2) / "evaluations.csv").write_text("steps,mean_return\nx,y\n")
    (runs / "m.csv").write_text("model,path,steps,learned,evaluated_on,task,task_settings,robot,world,imperfection\n\0")
    assert write(ReportOptions(folder=str(runs))) == 0
    said = capsys.readouterr().out.splitlines()
    lines = {line.split(": ")[1]: line for line in said if line.startswith("  not compared: ")}
    assert set(lines) == {"killed", "robot_gone", "no_yaml", "other_type", "no_config", "cut", "no_numbers"}
    assert "it has no result.json" in lines["killed"] and "failed before its end: no answer" in lines["robot_gone"]
    assert "not valid YAML" in lines["no_yaml"] and "gamma_of_nothing" in lines["other_type"]
    assert "no episode and no evaluation has ended" in lines["no_numbers"]
    ElementTree.fromstring((runs / "report.html").read_text().removeprefix("<!DOCTYPE html>"))
    problems = {row["run"]: row["problem"] for row in read(runs / "report_runs.csv")}
    assert problems["whole"] == "" and all(problems[name] for name in lines)


def test_any_name_is_text(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for i, name in enumerate(("<script>alert(1)<", 'a"onload="x', "ünder & \udcff", "$x_{", "#1?y%20")):
        make_run(runs / name, 0.5, seed=i, task_settings="{note: '</style><b>'}")
    cross = [
        {
            "model": "<img src=x>",
            "evaluated_on": "<b>",
            "success_rate": "0.5",
            "path": "p",
            "steps": "1",
            "learned": "t",
        }
    ]
    names = (
        "model",
        "path",
        "steps",
        "learned",
        "evaluated_on",
        "task",
        "task_settings",
        "robot",
        "world",
        "imperfection",
    )
    write_table(runs / "m.csv", [{**dict.fromkeys(names, ""), **row} for row in cross])
    page = tmp_path / "out" / "page.html"
    assert write(ReportOptions(folder=str(runs), file=str(page), title="<i>&'\"")) == 0
    content = page.read_text(encoding="utf-8")
    ElementTree.fromstring(content.removeprefix("<!DOCTYPE html>"))
    seen = Texts(content)
    assert not seen.tags & {"script", "b", "i", "img"}
    assert "<script>alert(1)<" in seen.shown and "<i>&'\"" in seen.shown and "<img src=x>" in seen.shown
    assert "../runs/%231%3Fy%2520/" in seen.addresses


def test_markup() -> None:
    assert text("<\x00\ud800é>") == "&lt;\ufffd\ufffdé&gt;"
    assert tag("td", "a&b", [1, None, tag("br")], class_="x", stroke_width=2, id=None) == (
        '<td class="x" stroke-width="2">a&amp;b1<br /></td>'
    )
    assert joined(tag("b", "<")) == "<b>&lt;</b>" and link("a b/\udcff") == "a%20b/%FF"


def run_of(**values: str) -> dict[str, str]:
    return settings.flat(TrainerConfig()) | values


def test_settings_tell_variants_apart_by_what_is_learned() -> None:
    same = [
        TrainerConfig(),
        TrainerConfig(log_dir="x", eval_every_steps=5, checkpoint_every_steps=7, transport="in_process"),
    ]
    assert settings.differing([settings.flat(config) for config in same]) == []
    other = TrainerConfig(seed=3, hyperparameters="{gamma: 0.5}", namespaces=("a", "b"), algo="sac")
    names = settings.differing([settings.flat(same[0]), settings.flat(other)])
    assert names == ["algo", "hyperparameters.gamma", "num_envs", "seed"]
    assert settings.label(("sac", "0.5", "2"), names[:3]) == "sac, gamma 0.5, num_envs 2"
    assert settings.label(("", ""), names[:2]) == "default"
    many = [name for name, value in settings.flat(TrainerConfig()).items() if value and name not in ("task", "seed")]
    default = settings.label([settings.flat(TrainerConfig())[name] for name in many], many)
    assert default == "inmoov, ground_truth, ppo"  # one run of other settings does not fill the labels of all others
    stacked = settings.flat(TrainerConfig(frame_stack=3, control_hz=10.0))
    assert (
        settings.label([stacked[name] for name in many], many)
        == "inmoov, frame_stack 3, control_hz 10, ground_truth, ppo"
    )


def test_models_of_several_seeds_are_one_setting() -> None:
    paths = (
        "runs/reach/ground_truth/ppo/2026-01-01_00-00-00/final",
        "runs/reach/ground_truth/ppo/b/checkpoints/000_final",
    )
    loaded = [settings.flat(TrainerConfig(load_model=path))["load_model"] for path in paths]
    assert loaded == ["reach/ground_truth/ppo"] * 2


def test_settings_that_name_a_default_are_those_of_runs_without_them() -> None:
    given = TrainerConfig(task="circular", action="plane", world="reach", observation="ground_truth")
    assert settings.flat(given) == settings.flat(TrainerConfig(task="circular"))
    assert settings.flat(TrainerConfig(action="plane"))["action"] == "plane"  # reach has another default
    assert settings.flat(TrainerConfig(task="of another package", action="plane"))["action"] == "plane"


def test_a_run_that_repeats_another_one_counts_once(tmp_path: Path) -> None:
    """Same settings, seed and numbers: one result. Of equal runs the one that was evaluated is counted."""
    make_run(tmp_path / "a", 0.5, seed=3)
    again = make_run(tmp_path / "b", 0.5, seed=3, transport="in_process")
    make_run(tmp_path / "c", 0.5, seed=4)
    make_run(tmp_path / "d", 0.75, seed=3)  # in real time the same seed gives other numbers
    figures = {"success_rate": 0.75, "mean_return": 9.0, "mean_final_distance_m": 0.1, "episodes": 500}
    (again / "evaluation.json").write_text(json.dumps(figures))
    report = make(tmp_path, tmp_path / "r.html", "", 10, lambda done, total: None)
    ((one,),) = (task.variants for task in report.tasks)
    assert [run.name for run in one.whole] == ["b", "d", "c"]
    (repetition,) = report.not_compared
    assert repetition.name == "a" and repetition.problem.startswith("repeats b: the same settings, seed")


def test_a_run_of_several_tasks_at_once_has_a_task_of_its_own(tmp_path: Path) -> None:
    """Its config.yaml names one task, and its episodes are of all: they are no score of that task."""
    folder = tmp_path / "continual" / "circular+square_joint_seed0"
    run = make_run(folder / "1_joint" / "circular" / "ground_truth" / "ppo" / "a", 0.5, task="circular")
    make_run(tmp_path / "circular", 0.75, task="circular")
    write_json(folder / "continual.json", {"method": "joint", "tasks": ["circular", "square"]})
    report = make(tmp_path, tmp_path / "r.html", "", 10, lambda done, total: None)
    assert [(task.task, len(task.variants)) for task in report.tasks] == [("circular", 1), ("circular+square", 1)]
    (joint,) = report.not_compared
    assert joint.folder == run and "its episodes are of all of them" in joint.problem
    assert [one.task for one in run_folder.learned_configs(run, run_folder.load_config(run))] == ["circular", "square"]
    (folder / "continual.json").write_text("{")
    assert "continual.json" in found_runs.read(run, "a").problem


def test_scores_are_from_the_best_source_that_all_runs_have(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / str(seed), 0.25 * seed, seed=seed) for seed in (1, 2)]

    def found() -> variants.TaskOfRuns:
        runs = [found_runs.read(folder, folder.name) for folder in folders]
        ((task,), names) = variants.by_task([run for run in runs if isinstance(run, found_runs.FoundRun)], 4)
        assert names == [] and len(task.variants) == 1
        return task

    assert found().of(found().variants[0], variants.RETURN) == [2.5, 5.0]
    figures = {"success_rate": 0.75, "mean_return": 9.0, "mean_final_distance_m": 0.1, "episodes": 500}
    for folder in folders:
        (folder / "evaluation.json").write_text(json.dumps(figures))
    assert found().source == "500 unseen targets after the training" and found().of(found().variants[0], "return") == [
        9.0,
        9.0,
    ]
    strong = {
        **figures,
        "model": "runs/x/final",
        "num_timesteps": 1000,
        "conditions": {"imperfection": "strong", "hold": True},
    }
    (folders[0] / "evaluation.json").write_text(json.dumps(strong))
    assert found().source == (
        "the last evaluation during the training; those after the training differ in their conditions: none, hold, "
        "imperfection strong"
    )
    (folders[1] / "evaluation.json").write_text(json.dumps({**strong, "success_rate": 0.5}))
    assert found().source == "500 unseen targets after the training (hold, imperfection strong)"
    result = {"ended": "finished", "training_s": 1.0, "num_timesteps": 2000}
    (folders[0] / "result.json").write_text(json.dumps(result))  # it was trained further since
    assert found().source == "the last evaluation during the training"
    (folders[0] / "evaluation.json").write_text(json.dumps({**strong, "model": "runs/x/best"}))
    assert "none" not in found().source and "model best" in found().source
    (folders[0] / "evaluation.json").unlink()
    (folders[1] / "evaluations.csv").unlink()
    assert "last 4 training episodes" in found().source
    assert found().of(found().variants[0], variants.RETURN) == [7.75, 8.0]  # means of 6, 7, 8, 9, plus .25 and .5


def test_one_seed_of_each_is_never_a_clear_difference(tmp_path: Path) -> None:
    """Neither on one task nor on all tasks together, whatever the bootstrap of single runs says."""
    for task in ("reach", "circular"):
        for i, (given, scores) in enumerate(SCORES.items()):
            make_run(tmp_path / task / str(i), scores[0], task=task, hyperparameters=given)
    report = make(tmp_path, tmp_path / "r.html", "", 4, lambda done, total: None)
    (pair,) = findings.overall_pairs(report.tasks)
    assert pair.probability == 1.0 and pair.interval is None and not pair.sure
    assert not any(one.sure for task in report.tasks for one in findings.pairs(task, "success"))


def test_a_folder_of_runs_may_be_called_like_a_folder_of_a_run(tmp_path: Path) -> None:
    for name in ("attempts", "evaluation", "videos"):
        run = make_run(tmp_path / name / "a", 0.5)
        (run / "attempts" / "1").mkdir(parents=True)
        (run / "attempts" / "1" / "monitor.csv").write_text("")
    assert [run.parent.name for run in found_runs.find(tmp_path)] == ["attempts", "evaluation", "videos"]


def test_a_folder_of_links_to_runs_is_a_folder_of_runs(tmp_path: Path) -> None:
    """Each run once, under its own path where that is below the folder too; links in a circle and to a parent end."""
    runs, paper = tmp_path / "runs", tmp_path / "paper"
    for name in ("a", "b"):
        make_run(runs / "reach" / name, 0.5)
        (runs / "reach" / name / "checkpoints").mkdir()
        (runs / "reach" / name / "final").symlink_to("checkpoints")
    paper.mkdir()
    (paper / "group").symlink_to(runs)
    (paper / "1 of b").symlink_to(runs / "reach" / "b")
    (paper / "circle").symlink_to(paper)
    (runs / "up").symlink_to(tmp_path)
    assert [str(run.relative_to(paper)) for run in found_runs.find(paper)] == ["1 of b", "group/reach/a"]
    (runs / "again").symlink_to(runs / "reach" / "a")
    assert [run.name for run in found_runs.find(runs)] == ["a", "b"] and runs_below(runs) == list(found_runs.find(runs))
    assert curves.find_runs(str(paper), "runs") == [paper / "1 of b", paper / "group" / "reach" / "a"]


def test_a_student_has_evaluations_and_no_episodes(tmp_path: Path) -> None:
    for seed, size in enumerate((1000, 1000, 5000, 5000)):
        run = make_run(tmp_path / str(seed), 0.2 * seed, seed=seed)
        (run / "monitor.csv").unlink()
        config = yaml.safe_load((run / "config.yaml").read_text())
        config["distillation"] = {"set_size": size, "teachers": f"runs/{seed}", "seed": seed, "balance": [1, 2]}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
    report = make(tmp_path, tmp_path / "r.html", "", 10, lambda done, total: None)
    assert list(report.differ) == ["distillation.set_size"] and not report.not_compared
    labels = [(one.label, len(one.runs)) for one in report.tasks[0].variants]
    assert labels == [("set_size 1000", 2), ("set_size 5000", 2)]
    at_default = settings.label(
        ("256", "1", "500"), [f"distillation.{one}" for one in ("batch_size", "temperature", "set_size")]
    )
    assert at_default == "set_size 500"  # beside trainings, which have none of them
    assert [run.steps for run in report.runs] == [1000] * 4
    ElementTree.fromstring(html(report, datetime(2026, 1, 1)).removeprefix("<!DOCTYPE html>"))


def test_a_student_of_several_teachers_has_a_task_of_its_own(tmp_path: Path) -> None:
    """Its settings lie one level deeper, as `rl_trainer distil` writes them; rounds and balance make other variants."""
    for rounds, balance in ((0, []), (3, []), (3, [1.0, 2.0])):
        run = make_run(tmp_path / f"{rounds}{len(balance)}", 0.0)
        (run / "monitor.csv").unlink()
        config = yaml.safe_load((run / "config.yaml").read_text())
        taught = {"student_rounds": rounds, "balance": balance, "teachers": f"runs/{rounds}", "torch_threads": rounds}
        config["distillation"] = {"tasks": ["circular", "escape"], "settings": taught}
        config["trainer"]["task_labels"] = ["circular", "escape"]
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        figures = {"success_rate": 0.75, "mean_return": 9.0, "mean_final_distance_m": 0.1, "episodes": 500}
        (run / "evaluation.json").write_text(json.dumps(figures))  # of the first task only
    (tmp_path / "30" / "evaluations.csv").unlink()
    report = make(tmp_path, tmp_path / "r.html", "", 10, lambda done, total: None)
    assert list(report.differ) == ["distillation.balance", "distillation.student_rounds"]
    (task,) = report.tasks
    assert task.task == "circular+escape" and task.source == "the last evaluation during the training"
    assert report.runs[0].settings["task_labels"] == "circular, escape"
    (left_out,) = report.not_compared
    assert left_out.problem.startswith("not evaluated on its tasks; distil with eval_every_epochs, or ")
    assert "cross_evaluate runs:=" in left_out.problem
    config["distillation"]["tasks"] = ["reach", "reach"]  # two teachers of one task
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    alike = found_runs.read(run, "")
    assert isinstance(alike, found_runs.FoundRun) and alike.settings["task"] == "reach" and alike.evaluation


def test_a_band_by_hand() -> None:
    one, other = (np.array([0.0, 10.0]), np.array([0.0, 10.0])), (np.array([0.0, 5.0, 20.0]), np.array([4.0, 4.0, 4.0]))
    found = bands.band([one, other], points=5)
    assert found is not None
    assert found.steps.tolist() == [0.0, 5.0, 10.0, 15.0, 20.0]  # as far as half of the curves
    assert found.mean.tolist() == [2.0, 4.5, 7.0, 4.0, 4.0]
    assert found.low.tolist() == [0.0, 4.0, 4.0, 4.0, 4.0] and found.high.tolist() == [4.0, 5.0, 10.0, 4.0, 4.0]
    three = bands.band([one, one, other], points=3)
    assert three is not None and three.steps[-1] == 10.0
    same = bands.band([one, one])
    assert same is not None and same.steps.tolist() == [0.0, 10.0]
    empty = (np.array([1.0]), np.array([math.nan]))
    assert bands.band([empty]) is None and bands.band([]) is None


def test_charts_are_to_scale() -> None:
    assert charts.ticks(0.0, 100.0, 5) == [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    assert charts.ticks(-0.3, 0.3, 4) == pytest.approx([-0.2, 0.0, 0.2])
    assert [charts.shown_number(x) for x in (0.0, 1234.5, 0.0123, -7.0, math.nan)] == [
        "0",
        "1,234",
        "0.0123",
        "−7",
        "–",
    ]
    assert [charts.thousands(x) for x in (500.0, 2500.0, 1.5e6)] == ["500", "2.5k", "1.5M"]
    band = bands.Band(*(np.array(a) for a in ([0.0, 100.0], [0.0, 50.0], [0.0, 25.0], [0.0, 75.0])), np.zeros((1, 2)))
    svg = ElementTree.fromstring(charts.line_chart([charts.Line("a", 9, band)], "t", 0.0, 100.0))
    mean = next(part for part in svg.iter("polyline") if part.get("class") == "mean")
    (x0, y0), (x1, y1) = (map(float, pair.split(",")) for pair in mean.get("points", "").split())
    top, bottom = 10.0, 220.0 - 26.0
    assert (x0, y0, x1) == (46.0, bottom, 348.0) and y1 == pytest.approx((top + bottom) / 2)
    assert svg.find("g").get("class") == "c1 again"  # type: ignore[union-attr]


def test_matrices_films_and_evaluations_of_other_tasks_are_shown(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    run = make_run(runs / "a", 0.5)
    gif = b"GIF89a" + bytes(20)
    for name, content in (("100.gif", gif), ("2000.gif", gif), ("x.gif", gif)):
        (run / "videos").mkdir(exist_ok=True)
        (run / "videos" / name).write_bytes(content)
    big = make_run(runs / "b", 0.5, algo="sac")
    (big / "videos").mkdir()
    (big / "videos" / "7.gif").write_bytes(gif + bytes(500_000))
    (run / "cross_evaluations.csv").write_text(
        "steps,evaluated_on,success_rate,mean_return\n" + "".join(f"{i},square,0.{i % 10},{i}\n" for i in range(30))
    )
    header = "model,path,steps,learned,evaluated_on,task,task_settings,robot,world,imperfection,success_rate,reason\n"
    (runs / "cross_evaluations").mkdir()
    (runs / "cross_evaluations" / "m.csv").write_text(
        header + "one,p,5,reach,reach,reach,,,,,0.62,\none,p,5,reach,eight,eight,,,,,,no fit\n"
    )
    (runs / "cross_evaluations" / "m_transfer.csv").write_text(
        "figure,of,value,source\nforgetting,success_rate,0.25,Chaudhry\n"
    )
    (runs / "other.csv").write_text("a,b\n1,2\n")
    report = make(runs, runs / "report.html", "", 10, lambda done, total: None)
    assert [found.name for found in report.matrices] == ["cross_evaluations/m.csv"]
    assert [len(found.matrix.models) for found in report.during] == [10]  # every third moment, the last among them
    assert report.during[0].matrix.names[0][-1] == "29 steps"
    page = html(report, datetime(2026, 1, 1))
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    seen = Texts(page)
    assert "62" in seen.shown and "Empty: one on eight: no fit" in seen.shown and "Chaudhry" in seen.shown
    assert [address for address in seen.addresses if address.endswith(".gif")] == ["b/videos/7.gif"]
    assert sum(address.startswith("data:image/gif;base64,R0lGODlh") for address in seen.addresses) == 1


@pytest.mark.bad_input
def test_a_report_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    damaged = tmp_path / "all" / "damaged"
    for name in ("damaged", "other"):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / "config.yaml").write_text("trainer: [")
    for options, named in (
        (ReportOptions(folder="/no/such"), "there is no folder /no/such"),
        (ReportOptions(folder=str(tmp_path / "empty")), "no run in"),
        (ReportOptions(folder=str(tmp_path), file="a.pdf"), "give the name of an .html file"),
        (ReportOptions(folder=str(damaged)), "the run damaged has nothing to show: .*not valid YAML"),
        (ReportOptions(folder=str(damaged.parent)), "none of the 2 runs in .* has anything to show yet; damaged: "),
    ):
        with pytest.raises(ConfigError, match=named):
            write(options)
