"""The cells of a matrix that is not finished, in a file beside its own: an interrupted cross-evaluation continues with them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from rl_trainer_ros.evaluation.matrix import MODEL_COLUMNS, REASON, TASK_COLUMNS, Cell, Matrix, from_rows
from rl_trainer_ros.training.checkpoints.folders import ABOUT
from rl_trainer_ros.training.runs.run_tables import read_table, write_table
from robot_interface_ros.files.untrusted_files import FileError

END = "_unfinished.csv"
NOT_YET = "not evaluated yet"

Cells = dict[tuple[int, int], Cell]
_Key = tuple[str, ...]


def beside(file: Path) -> Path:
    """Return the file of the unfinished matrix whose table will be `file`."""
    return file.with_name(f"{file.stem}{END}")


def save(file: Path, matrix: Matrix) -> None:
    """Write the cells so far. Raises OSError."""
    rows = matrix.rows()
    for row in rows:
        if "episodes" not in row and not row[REASON]:
            row[REASON] = NOT_YET
    write_table(beside(file), rows)


def begun_in(folder: Path, empty: Matrix, episodes: int) -> Path | None:
    """Return the table of the newest unfinished matrix of the same models, tasks and episodes in a folder, or None."""
    for path in sorted(folder.glob(f"*{END}"), reverse=True):
        file = path.with_name(f"{path.name.removesuffix(END)}.csv")
        if known(file, empty, episodes):
            return file
    return None


def known(file: Path, empty: Matrix, episodes: int) -> Cells:
    """Return the cells that an interrupted evaluation of the same models and tasks has left; none if others were evaluated.

    `empty`: the matrix without cells. A cell whose model was saved after it, or that has other episodes, is left out.
    """
    path = beside(file)
    try:
        before, saved_s = from_rows(read_table(path)), path.stat().st_mtime
    except (OSError, FileError):
        return {}
    models, tasks = [_model(model) for model in before.models], [_task(task) for task in before.tasks]
    if models != [_model(model) for model in empty.models] or tasks != [_task(task) for task in empty.tasks]:
        return {}
    old = {i for i, model in enumerate(empty.models) if _saved_s(model) <= saved_s}
    cells = {(i, j): cell for (i, j), cell in before.cells.items() if i in old and cell.figures}
    return {place: cell for place, cell in cells.items() if cell["episodes"] == episodes}


def _model(model: Mapping[str, str]) -> _Key:
    return tuple(model.get(name) or "" for name in MODEL_COLUMNS if name != "model")


def _task(task: Mapping[str, str]) -> _Key:
    return tuple(task.get(name) or "" for name in TASK_COLUMNS if name != "evaluated_on")


def _saved_s(model: Mapping[str, str]) -> float:
    with contextlib.suppress(OSError):
        return (Path(model["path"]) / ABOUT).stat().st_mtime
    return float("inf")
