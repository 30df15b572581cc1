"""Learning curves: read from a run's folder with hand-made numbers, and plotted."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from rl_trainer_ros.cli.commands.curves import CurvesOptions, draw_curves, find_runs, names_of
from rl_trainer_ros.training.curves.callback import PICTURE, draw_run
from rl_trainer_ros.training.curves.episodes import read_episodes, read_evaluations, smoothed
from rl_trainer_ros.training.curves.picture import POINTS, Curve, draw
from rl_trainer_ros.training.runs.logs import EVALUATIONS
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

HEAD = '#{"t_start": %s, "env_id": "None"}\nr,l,t,is_success,distance\n'


def make_run(folder: Path, config: TrainerConfig, robots: tuple[str, ...]) -> Path:
    """Make a run's folder with its configuration and the monitor files of its robots."""
    for i, text in enumerate(robots):
        place = folder / str(i) if i else folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "monitor.csv").write_text(text)
    settings = {**dataclasses.asdict(config), "namespaces": list(config.namespaces)}
    (folder / "config.yaml").write_text(yaml.safe_dump({"trainer": settings, "hyperparameters": {}, "robot": {}}))
    (folder / "versions.txt").write_text("")
    return folder


def test_robots_episodes_come_in_the_order_of_their_ends(tmp_path: Path) -> None:
    first = HEAD % 100.0 + "1.5,10,1.0,True,0.02\n-2.0,20,9.0,False,0.4\n"
    second = HEAD % 103.0 + "3.0,5,2.0,True,0.01\n7.0,7"  # 105 s: between the two; then a row that is not whole
    run = make_run(tmp_path, TrainerConfig(), (first, second))
    episodes = read_episodes(run)
    assert episodes.steps.tolist() == [10, 15, 35]
    assert episodes.returns.tolist() == [1.5, 3.0, -2.0]
    assert episodes.success.tolist() == [1, 1, 0]
    assert episodes.distance.tolist() == [0.02, 0.01, 0.4]


def test_a_run_without_an_episode_has_no_picture(tmp_path: Path) -> None:
    assert not draw_run(make_run(tmp_path, TrainerConfig(), ("",)), 100)
    assert not draw_run(make_run(tmp_path, TrainerConfig(), (HEAD % 1.0,)), 100)
    assert not (tmp_path / PICTURE).exists()
    with pytest.raises(ConfigError, match="no episode has ended yet"):
        draw_curves(CurvesOptions(run=str(tmp_path)))


@pytest.mark.bad_input
def test_a_row_without_steps_is_no_evaluation_and_a_byte_order_mark_is_no_name(tmp_path: Path) -> None:
    run = make_run(tmp_path, TrainerConfig(), (HEAD % 1.0,))
    (run / EVALUATIONS).write_bytes(b"\xef\xbb\xbfsteps,mean_return\r\n500,1.5\r\nx,2.5\r\n,3.5\r\n")
    evaluations = read_evaluations(run)
    assert evaluations.steps.tolist() == [500.0] and evaluations.returns.tolist() == [1.5]


def test_smoothing_by_hand() -> None:
    nan = float("nan")
    assert smoothed(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist() == [1.0, 2.0, 4.0, 6.0]
    np.testing.assert_array_equal(smoothed(np.array([nan, 2.0, nan, 4.0, 6.0]), 3), [nan, 2.0, 2.0, 3.0, 5.0])
    assert smoothed(np.array([]), 5).tolist() == []


def test_the_picture_shows_what_was_read(tmp_path: Path) -> None:
    rows = "".join(f"{0.01 * i},10,{i}.0,{i % 2 == 0},{1.0 / (1 + i)}\n" for i in range(3 * POINTS))
    run = make_run(tmp_path, TrainerConfig(), (HEAD % 1.0 + rows,))
    (run / "evaluations.csv").write_text(
        "steps,mean_return,mean_return_low,mean_return_high,success_rate,success_rate_low,success_rate_high,"
        "mean_final_distance_m,mean_final_distance_m_low,mean_final_distance_m_high\n"
        "100,5.0,4.0,6.0,0.5,0.3,0.7,0.2,0.1,0.3\n"
    )
    episodes, evaluations = read_episodes(run), read_evaluations(run)
    panels = draw({"a": Curve(episodes, evaluations)}, 100).axes
    lines = [panel.get_lines() for panel in panels]
    mean = next(line for line in lines[0] if line.get_linestyle() == "-" and len(line.get_xdata()) > 100)
    assert len(mean.get_xdata()) == POINTS and mean.get_xdata()[-1] == 30 * POINTS
    assert mean.get_ydata()[-1] == pytest.approx(0.01 * (3 * POINTS - 1 - 49.5))  # the mean of the last hundred
    marks = [line for line in lines[1] if line.get_marker() == "o"]
    assert [mark.get_ydata().tolist() for mark in marks] == [[50.0]]
    assert draw_run(run, 100) and Image.open(run / PICTURE).size == (1320, 462)
    assert sorted(path.name for path in run.glob(".*")) == []


def test_several_runs_in_one_picture_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD % 1.0 + "1.0,10,1.0,True,0.1\n"
    config = TrainerConfig()
    runs = [
        make_run(tmp_path / "runs" / name, changed, (text,))
        for name, changed in (("a", config), ("b", replace(config, seed=3)), ("c", replace(config, seed=3, algo="sac")))
    ]
    assert names_of(runs) == ["ppo, seed 0", "ppo, seed 3", "sac, seed 3"]
    assert find_runs(f"{runs[1]}, {tmp_path / 'runs'}", "") == [runs[1], runs[0], runs[2]]
    monkeypatch.chdir(tmp_path)
    assert draw_curves(CurvesOptions(run="runs")) == 0 and (tmp_path / "curves.png").is_file()
    assert draw_curves(CurvesOptions(run="runs/a", file="new/a.svg")) == 0 and (tmp_path / "new" / "a.svg").is_file()


def test_no_run_of_a_folder_is_missing_in_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither of two runs with the same settings and name; a damaged run is told, and does not end the others' picture."""
    text = HEAD % 1.0 + "1.0,10,1.0,True,0.1\n"
    for group in ("one", "two"):
        make_run(tmp_path / "runs" / group / "x", TrainerConfig(), (text,))
    damaged = make_run(tmp_path / "runs" / "three", TrainerConfig(), (text,)) / "config.yaml"
    damaged.write_text("trainer: [")
    monkeypatch.chdir(tmp_path)
    assert draw_curves(CurvesOptions(run="runs")) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[:2] == [f"  runs/{group}/x: 1 episodes, 10 steps" for group in ("one", "two")]
    assert told.err.startswith("left out: runs/three/config.yaml") and len(told.err.splitlines()) == 1
    with pytest.raises(ConfigError, match="not valid YAML"):
        draw_curves(CurvesOptions(run="runs/three"))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "options, named",
    [
        (CurvesOptions(run="nowhere"), "nowhere is not a run folder"),
        (CurvesOptions(run=" , "), "run is empty"),
        (CurvesOptions(run="RUN", file="curves.doc"), "file is curves.doc; a picture ends in .png, .svg, .pdf"),
    ],
)
def test_what_cannot_be_drawn_is_named(options: CurvesOptions, named: str, tmp_path: Path) -> None:
    run = make_run(tmp_path, TrainerConfig(), (HEAD % 1.0,))
    with pytest.raises(ConfigError, match=named):
        draw_curves(replace(options, run=options.run.replace("RUN", str(run))))
