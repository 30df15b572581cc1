"""Read a run's episodes and evaluations from its folder, and smooth them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.training.runs.logs import EVALUATIONS
from rl_trainer_ros.training.runs.run_tables import first_moment, number_in, read_table

Array = NDArray[np.float64]
MONITOR = "monitor.csv"
_COLUMNS = ("l", "r", "is_success", "distance")


@dataclass(frozen=True)
class Episodes:
    """Episodes in the order of their ends; each array `(n,)`."""

    steps: Array
    """Environment steps of all robots together at the end of each episode."""
    returns: Array
    success: Array
    """1 or 0."""
    distance: Array
    """Final distance, m."""

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True)
class Evaluations:
    """Evaluations during a training; each array `(n,)`, 95 % intervals `(n, 2)`."""

    steps: Array
    returns: Array
    success: Array
    distance: Array
    returns_interval: Array
    success_interval: Array
    distance_interval: Array


def read_episodes(run: Path) -> Episodes:
    """Read the monitor files of a run's robots. Incomplete rows, such as the last one of an active run, are left out."""
    rows: list[tuple[float, ...]] = []
    for path in (run / MONITOR, *sorted(run.glob(f"[0-9]*/{MONITOR}"))):
        if path.is_file():
            rows += _monitor_rows(path)
    rows.sort(key=lambda row: row[0])
    table = np.array(rows, dtype=np.float64).reshape(-1, 1 + len(_COLUMNS))
    return Episodes(np.cumsum(table[:, 1]), table[:, 2], table[:, 3], table[:, 4])


def read_evaluations(run: Path) -> Evaluations:
    """Read a run's `evaluations.csv`; empty if there is none. Rows without a number of steps are left out."""
    rows = read_table(run / EVALUATIONS) if (run / EVALUATIONS).is_file() else []
    rows = [row for row in rows if np.isfinite(number_in(row.get("steps")))]

    def column(name: str) -> Array:
        return np.array([number_in(row.get(name)) for row in rows])

    def interval(name: str) -> Array:
        return np.stack([column(f"{name}_low"), column(f"{name}_high")], axis=-1)

    names = ("mean_return", "success_rate", "mean_final_distance_m")
    return Evaluations(column("steps"), *map(column, names), *map(interval, names))


def smoothed(values: Array, window: int) -> Array:
    """Return the mean of the last `window` values at each point, `(n,)`; fewer at the beginning. NaN is ignored."""
    known = ~np.isnan(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - window, 0)
    with np.errstate(invalid="ignore"):
        means: Array = (sums[ends] - sums[begins]) / (counts[ends] - counts[begins])
        return means


def _monitor_rows(path: Path) -> list[tuple[float, ...]]:
    """Return for each episode of a file: time of its end (s since the epoch), length, return, success, distance."""
    began = first_moment(path)
    if began is None:
        return []  # its robot has not started
    found = []
    for row in read_table(path):
        numbers = [number_in(row.get(name)) for name in ("t", *_COLUMNS)]
        if np.isfinite(numbers[:3]).all():
            found.append((began + numbers[0], *numbers[1:]))
    return found
