"""A cross-evaluation as a picture: the darker a cell, the better the model is on that task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rl_trainer_ros.evaluation.matrix import RETURN, SUCCESS, Matrix, shown
from robot_interface_ros.files.atomic_file import replacing

_EMPTY = "#eeeeee"
_LONGEST = 40  # letters of a name


def save_picture(matrix: Matrix, file: Path, title: str = "") -> None:
    """Plot success and return into `file` (.png, .svg, .pdf); it is replaced whole or not at all."""
    with replacing(file) as temporary:
        plot(matrix, title).savefig(temporary, dpi=110)


def plot(matrix: Matrix, title: str = "") -> Any:
    """Return matplotlib's figure. Colours of success go from 0 to 100 %; those of return within each task."""
    from matplotlib.figure import Figure  # takes half a second to import

    models, tasks = ([_short(name) for name in names] for names in matrix.names)
    width = 2 * (1.35 * len(tasks) + 0.6) + 0.085 * max(map(len, models)) + 0.4
    height = 0.5 * len(models) + 1.0 + 0.05 * max(map(len, tasks)) + (0.35 if title else 0.0)
    figure = Figure(figsize=(max(width, 5.0), max(height, 2.2)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _panel(left, matrix, SUCCESS, "success, % (95 % interval)", 100.0, 0)
    _panel(right, matrix, RETURN, "mean return (95 % interval)", 1.0, 1)
    left.set_yticks(range(len(models)), models, fontsize=9, parse_math=False)  # a name may hold $
    turned = 0 if max(map(len, tasks)) < 13 else 20  # degrees
    for panel in (left, right):
        panel.set_xticks(range(len(tasks)), tasks, fontsize=9, rotation=turned, parse_math=False)
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, parse_math=False)
    return figure


def _panel(panel: Any, matrix: Matrix, name: str, label: str, scale: float, digits: int) -> None:
    values = matrix.values(name)
    share = shares(values, name)
    panel.set_facecolor(_EMPTY)
    panel.imshow(np.ma.masked_invalid(share), cmap="Blues", vmin=0.0, vmax=1.25, aspect="auto")
    panel.set_title(label, loc="left", fontsize=10)
    for (i, j), value in np.ndenumerate(values):
        text = shown(matrix.cell(i, j), name, scale, digits).replace(" (", "\n(")
        dark = np.isfinite(value) and share[i, j] > 0.7
        panel.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if dark else "#222222")


def shares(values: Any, name: str) -> Any:
    """How dark each cell is, 0 to 1 (NaN: empty): success as it is, other figures from the least to the largest of a task."""
    values = np.asarray(values, dtype=np.float64)
    if name == SUCCESS or not values.size:
        return values
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=0)
    high = np.where(known, values, -np.inf).max(axis=0)
    spread = np.where(high > low, high - low, 1.0)
    return np.where(known, (values - np.where(np.isfinite(low), low, 0.0)) / spread, np.nan)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
