"""benchmarks/policies_on_states.py and states.py: which rows they make, and that they continue where they were interrupted."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srl_ros.dataset import Dataset


@pytest.fixture
def table(benchmark_module: Callable[[str], Any]) -> Any:
    return benchmark_module("policies_on_states")


def test_rows_are_those_that_can_be_trained(table: Any) -> None:
    words = ["--methods", "ground_truth", "random", "triplet", "raw_pixels", "--frames", "100"]
    rows = {(row.algorithm, row.method, len(row.cameras), row.frames) for row in table.planned(table.parsed(words))}
    pixels = {(algorithm, "raw_pixels", count, 0) for algorithm in ("ppo", "drq") for count in (1, 2)}
    encoded = {("ppo", "random", 1, 100), ("ppo", "random", 2, 100), ("ppo", "triplet", 2, 100)}
    assert rows == {("ppo", "ground_truth", 0, 0), *encoded, *pixels}
    options = table.parsed(words)
    for row in table.planned(options):
        config = table.settings(row, options, Path("encoder") if row.frames else None)
        assert (config.algo, len(config.namespaces), config.num_timesteps) == (row.algorithm, 8, 150_000)
        assert config.observed == {"random": "srl_state", "triplet": "srl_state"}.get(row.method, row.method)


def test_a_row_is_made_once(table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def made(row: Any, options: Any) -> dict[str, str]:
        if row.method == "pca" and len(seen) < 2:
            raise KeyboardInterrupt
        seen.append(row.name)
        return {
            **dict.fromkeys(table.HEAD, ""),
            **dict(zip(table.KEYS, row.key)),
            "command": table.command(row, options),
        }

    monkeypatch.setattr(table, "made", made)
    words = ["x", "--methods", "random", "pca", "--cameras", "2", "--seeds", "0", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(KeyboardInterrupt):
        table.main()
    seen.append("interrupted")
    table.main()
    assert seen[0] == "random-external+above-ppo-none-none-0-20000-6-150000-8" and len(seen) == len(set(seen)) == 5
    assert len((tmp_path / "reach" / "table.md").read_text().splitlines()) == 2 + 4


def test_the_success_during_a_training_is_that_of_the_next_evaluation(table: Any, tmp_path: Path) -> None:
    (tmp_path / "evaluations.csv").write_text("steps,success_rate\n26624,0.25\n51200,0.5\n75776,0.7\n151552,0.9\n")
    expected = {"success_25k": "0.25", "success_50k": "0.50", "success_100k": "", "success_150k": "0.90"}
    assert table.during(tmp_path) == expected and table.during(tmp_path / "none") == dict.fromkeys(expected, "")


def test_a_row_of_the_table_of_states_is_made_once_for_each_task_and_number_of_epochs(
    benchmark_module: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = benchmark_module("states")
    seen: list[tuple[str, ...]] = []

    def row(source: Any, config: Any, folder: Path, pictures: bool) -> dict[str, str]:
        seen.append((folder.name, *states.key(source, config)))
        return {**dict.fromkeys(states.HEAD, ""), **dict(zip(states.KEYS, states.key(source, config)))}

    def data(folder: Path, frames: int, seed: int, task: str) -> Dataset:
        images = np.zeros((frames, 2, 8, 8, 3), np.uint8)
        return Dataset(images, np.zeros((frames, 0)), (), ("external", "above"), next_images=images)

    monkeypatch.setattr(states, "row", row)
    monkeypatch.setattr(states, "data", data)
    words = ["x", "--methods", "random", "pca", "--cameras", "1", "--frames", "4", "--out", str(tmp_path)]
    for more, made in (((), 2), ((), 0), (("--epochs", "6"), 0), (("--epochs", "3"), 2), (("--task", "button"), 2)):
        seen.clear()
        monkeypatch.setattr(sys, "argv", [*words, *more])
        states.main()
        assert len(seen) == made, more
    assert seen[0] == ("button", "random", "external", "0", "4", "6")
