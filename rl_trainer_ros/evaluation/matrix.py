"""The matrix of a cross-evaluation: models in its rows, tasks in its columns, figures with their intervals in its cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUCCESS, RETURN, DISTANCE = "success_rate", "mean_return", "mean_final_distance_m"
MODEL_COLUMNS = ("model", "path", "steps", "learned")
TASK_COLUMNS = ("evaluated_on", "task", "task_settings", "robot", "world", "imperfection")
FIGURES = (
    "episodes",
    *(f"{name}{end}" for name in (SUCCESS, DISTANCE, RETURN) for end in ("", "_low", "_high")),
    "mean_steps",
)
REASON = "reason"
_GAP = "   "


@dataclass(frozen=True)
class Cell:
    """One model on one task: its figures, as `episodes.row_of` names them, or the reason why there are none."""

    figures: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    def __getitem__(self, name: str) -> float:
        """A figure; NaN where it is not known."""
        return self.figures.get(name, math.nan)


@dataclass(frozen=True)
class Matrix:
    """Cells by model and task. Each model and task is a mapping of texts; its name is under `model`, `evaluated_on`."""

    models: Sequence[Mapping[str, str]]
    tasks: Sequence[Mapping[str, str]]
    cells: Mapping[tuple[int, int], Cell]

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """The names of models and tasks."""
        return [model["model"] for model in self.models], [task["evaluated_on"] for task in self.tasks]

    def cell(self, model: int, task: int) -> Cell:
        """The cell of a model and a task, by their numbers; empty where there is none."""
        return self.cells.get((model, task), Cell())

    def values(self, name: str) -> NDArray[np.float64]:
        """A figure of all cells, `(models, tasks)`; NaN in empty ones."""
        rows, columns = len(self.models), len(self.tasks)
        found = [[self.cell(i, j)[name] for j in range(columns)] for i in range(rows)]
        return np.array(found, dtype=np.float64).reshape(rows, columns)

    def reasons(self) -> dict[str, list[str]]:
        """Why cells are empty: each reason once, with the cells ("model on task") that it is of."""
        found: dict[str, list[str]] = {}
        models, tasks = self.names
        for (i, j), cell in sorted(self.cells.items()):
            if cell.reason:
                found.setdefault(cell.reason, []).append(f"{models[i]} on {tasks[j]}")
        return found

    def rows(self) -> list[dict[str, Any]]:
        """The rows of its CSV file, one per cell."""
        return [
            {**model, **task, **self.cell(i, j).figures, REASON: self.cell(i, j).reason}
            for i, model in enumerate(self.models)
            for j, task in enumerate(self.tasks)
        ]

    def text(self) -> str:
        """Tables of success and return for a terminal."""
        return "\n\n".join((self._table("success, %", SUCCESS, 100.0, 0), self._table("mean return", RETURN, 1.0, 2)))

    def _table(self, title: str, name: str, scale: float, digits: int) -> str:
        models, tasks = self.names
        cells = [[shown(self.cell(i, j), name, scale, digits) for j in range(len(tasks))] for i in range(len(models))]
        columns = [[task, *(row[j] for row in cells)] for j, task in enumerate(tasks)]
        widths = [max(map(len, column)) for column in columns]
        first = max(map(len, (*models, "model")))
        lines = [f"{title} (95 % interval)"]
        for label, *row in zip(("model", *models), *columns):
            lines.append(f"  {label:<{first}}" + "".join(f"{_GAP}{text:>{w}}" for text, w in zip(row, widths)))
        return "\n".join(lines)


def from_rows(rows: Sequence[Mapping[str, str]]) -> Matrix:
    """Return the matrix of rows that `Matrix.rows` gave, read from a file. Rows without a model or a task are left out."""
    models: dict[tuple[str, ...], int] = {}
    tasks: dict[tuple[str, ...], int] = {}
    cells = {}
    for row in rows:
        model = tuple(row.get(name) or "" for name in MODEL_COLUMNS)
        task = tuple(row.get(name) or "" for name in TASK_COLUMNS)
        if not model[0] or not task[0]:
            continue
        place = models.setdefault(model, len(models)), tasks.setdefault(task, len(tasks))
        figures = {name: _number(row.get(name)) for name in FIGURES}
        cells[place] = Cell({n: value for n, value in figures.items() if math.isfinite(value)}, row.get(REASON) or "")
    return Matrix(
        [dict(zip(MODEL_COLUMNS, model)) for model in models], [dict(zip(TASK_COLUMNS, task)) for task in tasks], cells
    )


def shown(cell: Cell, name: str, scale: float, digits: int) -> str:
    """A figure with its interval, "-" where there is none."""
    value, low, high = (scale * cell[f"{name}{end}"] for end in ("", "_low", "_high"))
    if not math.isfinite(value):
        return "-"
    interval = f" ({low:.{digits}f} to {high:.{digits}f})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{value:.{digits}f}{interval}"


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
