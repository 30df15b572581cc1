"""benchmarks/distillation.py: which rows it makes, that it makes each once, and its estimate."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def table(benchmark_module: Callable[[str], Any]) -> Any:
    return benchmark_module("distillation")


def names(table: Any, *words: str) -> list[str]:
    return [row.name for row in table.planned(table.settings_of(list(words)))]


def test_the_plan_has_every_row_and_a_pattern_selects_some(table: Any) -> None:
    every = names(table)
    # 2 actions x 3 seeds x (teacher, 3 sizes with and without labels), x 3 methods, and 3 seeds x (teacher, 3 sizes).
    assert len(every) == len(set(every)) == 2 * 3 * 7 + 2 * 3 * 3 + 3 * 4
    assert names(table, "rows=students/plane/1/5000/*,camera/0/teacher") == [
        "students/plane/1/5000/plain",
        "students/plane/1/5000/labels",
        "camera/0/teacher",
    ]
    assert names(table, "rows=*/rounds3", "rounds=0,3", "parts=camera", "seeds=2", "sizes=1000") == [
        "camera/2/1000/student/rounds3"
    ]
    with pytest.raises(SystemExit, match=r"unknown word 'seed=1'; known: out=, rows=, plan="):
        table.settings_of(["seed=1"])
    with pytest.raises(SystemExit, match="seeds=one: expected whole numbers"):
        table.settings_of(["seeds=one"])
    with pytest.raises(SystemExit, match="no row matches rows=reach"):
        table.main(["rows=reach"])


def test_rows_are_made_once_and_a_folder_keeps_its_settings(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def made(row: Any, settings: Any) -> list[tuple[str, dict[str, dict[str, float]]]]:
        if row.policy == "finetune" and len(seen) == 1:
            seen.append("interrupted")
            raise KeyboardInterrupt
        seen.append(row.name)
        lines = ("1", "2") if row.part == "continual" else ("",)
        return [(f"{row.policy}{line}", {"circular": {"success": 0.5, "return": 7.0}}) for line in lines]

    monkeypatch.setattr(table, "made", made)
    words = [f"out={tmp_path}", "parts=continual", "seeds=0", "actions=plane"]
    with pytest.raises(KeyboardInterrupt):
        table.main(words)
    table.main(words)
    table.main([*words, "rows=continual/plane/0/joint"])
    made_rows = [f"continual/plane/0/{method}" for method in ("distil", "finetune", "joint")]
    assert seen == [made_rows[0], "interrupted", *made_rows[1:]]
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["policy"] for line in lines] == [f"{m}{k}" for m in ("distil", "finetune", "joint") for k in "12"]
    assert lines[0]["circular_return"] == "7.0" and lines[0]["reach_success"] == ""
    assert len((tmp_path / "table.md").read_text().splitlines()) == 2 + 6
    with pytest.raises(SystemExit, match=r"was begun with steps=120000, not 60000; give another out="):
        table.main([*words, "steps=60000"])
    capsys.readouterr()
    table.main([*words, "plan=true"])
    assert capsys.readouterr().out.count("is there") == 3


def test_the_estimate_counts_shared_teachers_and_data_once(table: Any) -> None:
    costs = table.Costs(
        step=1.0, sample=10.0, lesson=0.5, episode=100.0, camera_sample=20.0, camera_lesson=2.0, camera_episode=40.0
    )
    words = ["steps=1000", "sizes=10,20", "epochs=2", "episodes=3", "seeds=0", "actions=plane", "reach_steps=500"]
    settings, there = table.settings_of(words), set[str]()
    seconds = {row.name: costs.of(row, settings, there) for row in table.planned(settings)}
    student, evaluation = (1 + 1 + 3) * 100.0, 3 * 3 * 100.0  # nothing is random in circular and square
    assert seconds["students/plane/0/teacher"] == 3 * 1000 + student
    assert seconds["students/plane/0/10/plain"] == 20 * 10.0 + 10 * 2 * 0.5 + student
    assert seconds["students/plane/0/20/labels"] == 20 * 2 * 0.5 + student
    # The students' teachers, 6 samples of each, students of 6, 12 and 18 samples, three evaluations on three tasks.
    assert seconds["continual/plane/0/distil"] == 18 * 10.0 + 36 * 2 * 0.5 + 3 * evaluation
    assert seconds["continual/plane/0/joint"] == 3000 + evaluation
    assert seconds["camera/0/teacher"] == 500.0 + 3 * 100.0
    assert seconds["camera/0/20/student"] == 20 * 20.0 + 20 * 2 * 2.0 + 3 * 40.0
