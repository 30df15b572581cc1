"""Curves of several seeds as one line with a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
POINTS = 80


@dataclass(frozen=True)
class Band:
    """Mean, lowest and highest of curves over common steps, each `(n,)`; and the curves themselves, `(curves, n)`, with NaN."""

    steps: Array
    mean: Array
    low: Array
    high: Array
    curves: Array


def band(curves: Sequence[tuple[Array, Array]], points: int = POINTS) -> Band | None:
    """Return the band of curves `(steps, values)`; None where none has a point.

    Curves are interpolated between their points, unless all have the same steps. The band goes as far as at least half of the
    curves do; beyond its own points a curve counts for nothing.
    """
    known = []
    for steps, values in curves:
        there = np.isfinite(steps) & np.isfinite(values)
        known.append((steps[there], values[there]))
    known = [(steps, values) for steps, values in known if len(steps)]
    if not known:
        return None
    ends = sorted(steps[-1] for steps, _ in known)
    end, begin = ends[len(ends) // 2], min(steps[0] for steps, _ in known)
    if all(np.array_equal(steps, known[0][0]) for steps, _ in known) and len(known[0][0]) <= points:
        grid = known[0][0]  # evaluations come after the same steps in every run
    else:
        grid = np.linspace(begin, end, points) if end > begin else np.array([begin], dtype=np.float64)
    table = np.array([np.interp(grid, steps, values, left=np.nan, right=np.nan) for steps, values in known])
    reached = np.isfinite(table).any(axis=0)
    grid, table = grid[reached], table[:, reached]
    return Band(grid, np.nanmean(table, axis=0), np.nanmin(table, axis=0), np.nanmax(table, axis=0), table)
