"""Further contents of a folder of runs: matrices of cross-evaluations, and films."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rl_trainer_ros.evaluation.matrix import MODEL_COLUMNS, TASK_COLUMNS, Matrix, from_rows
from rl_trainer_ros.report.found_runs import FoundRun, one_line
from rl_trainer_ros.report.variants import TaskOfRuns
from rl_trainer_ros.training.runs.logs import CROSS_EVALUATIONS, VIDEOS
from rl_trainer_ros.training.runs.run_tables import number_in, read_table
from rl_trainer_ros.training.runs.search import walked
from robot_interface_ros.files.untrusted_files import read_bytes

TRANSFER = "_transfer.csv"
"""End of the name of the file with forgetting and transfer."""
_FIRST_LINE = ",".join((*MODEL_COLUMNS, *TASK_COLUMNS)).encode()
_MOST_ROWS = 12
FILM_LIMIT, FILMS_LIMIT = 400_000, 3_000_000
"""Bytes of a film, and of all films together, that are embedded in the page; further ones are linked."""


@dataclass(frozen=True)
class FoundMatrix:
    """A matrix, its file, and its figures of forgetting and transfer: rows of figure, of, value, source."""

    name: str
    matrix: Matrix
    kept: Sequence[dict[str, str]] = ()
    during: bool = False
    """Whether its rows are moments of one training."""


@dataclass(frozen=True)
class Film:
    """A film of a run: its bytes where they are embedded, else None."""

    run: FoundRun
    file: Path
    gif: bytes | None


def matrices(folder: Path, runs: Sequence[Path]) -> tuple[list[FoundMatrix], list[str]]:
    """Return the matrices that `rl_trainer cross_evaluate` wrote below a folder, and a line for each that cannot be read."""
    found, problems = [], []
    inside = {run.resolve() for run in runs}
    for path, below, files in walked(folder):
        if path.resolve() in inside and path != folder:
            below.clear()
            continue
        for name in (one for one in files if one.endswith(".csv") and not one.endswith(TRANSFER)):
            file = path / name
            try:
                if not file.is_file() or not _begins_like_a_matrix(file):
                    continue
                matrix = from_rows(read_table(file))
                beside = file.with_name(f"{file.stem}{TRANSFER}")
                kept = read_table(beside) if beside.is_file() else []
            except (OSError, ValueError) as error:
                problems.append(one_line(error))
                continue
            if matrix.models:
                found.append(FoundMatrix(one_line(file.relative_to(folder)), matrix, kept))
    return found, problems


def during_trainings(runs: Sequence[FoundRun]) -> tuple[list[FoundMatrix], list[str]]:
    """Return the cross-evaluations during the trainings of runs, moments in rows; and a line for each that cannot be read."""
    found, problems = [], []
    for run in runs:
        file = run.folder / CROSS_EVALUATIONS
        if not file.is_file():
            continue
        try:
            rows = [row for row in read_table(file) if number_in(row.get("steps")) >= 0 and row.get("evaluated_on")]
        except (OSError, ValueError) as error:
            problems.append(one_line(error))
            continue
        moments = sorted({number_in(row["steps"]) for row in rows})
        every = -(-len(moments) // _MOST_ROWS) or 1
        chosen = set(moments[::-1][::every])
        named = [
            {**row, "model": f"{number_in(row['steps']):,.0f} steps", "task": row["evaluated_on"]}
            for row in rows
            if number_in(row["steps"]) in chosen
        ]
        matrix = from_rows(named)
        if matrix.models:
            found.append(FoundMatrix(run.name, matrix, during=True))
    return found, problems


def films(tasks: Sequence[TaskOfRuns]) -> list[Film]:
    """Return the last film of one run of each variant; small ones with their bytes."""
    found, left = [], FILMS_LIMIT
    for task in tasks:
        for variant in task.variants:
            film = next(((run, file) for run in variant.runs if (file := _last_film(run.folder))), None)
            if film is None:
                continue
            gif = None
            try:
                size = film[1].stat().st_size
                if size <= min(FILM_LIMIT, left):
                    gif = read_bytes(film[1], FILM_LIMIT)
            except (OSError, ValueError):
                continue
            if gif is not None and gif[:4] != b"GIF8":
                continue
            left -= len(gif or b"")
            found.append(Film(*film, gif))
    return found


def data_address(gif: bytes) -> str:
    """Return a film as a data: address."""
    return f"data:image/gif;base64,{base64.b64encode(gif).decode()}"


def _last_film(run: Path) -> Path | None:
    there = [file for file in (run / VIDEOS).glob("*.gif") if file.stem.isdecimal()]
    return max(there, key=lambda file: int(file.stem), default=None)


def _begins_like_a_matrix(file: Path) -> bool:
    with open(file, "rb") as stream:
        return stream.read(len(_FIRST_LINE)) == _FIRST_LINE
