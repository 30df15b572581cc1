"""Scores of a sequence of models on earlier tasks (forgetting) and on later ones (transfer).

`scores[i, j]` is the score on task j of the model that has just learned task i of the sequence: `(T, T)` with T of at least 2.
A score that is not known is NaN, and so is every figure that needs it. A higher score is better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def average_score(scores: Any) -> float:
    """Return the last model's mean score over all tasks: ACC of Lopez-Paz and Ranzato, "Gradient Episodic Memory", 2017."""
    return float(_square(scores)[-1].mean())


def backward_transfer(scores: Any) -> float:
    """Return the mean change of the earlier tasks' scores since each was learned; negative: they are forgotten.

    BWT = 1/(T-1) sum over i < T of R[T, i] - R[i, i] (Lopez-Paz and Ranzato, "Gradient Episodic Memory", 2017, eq. 3).
    """
    table = _square(scores)
    return float((table[-1, :-1] - np.diag(table)[:-1]).mean())


def forward_transfer(scores: Any, untrained: Any) -> float:
    """Return how much better each task begins, before it is learned, than an untrained model is on it; a mean.

    FWT = 1/(T-1) sum over i > 1 of R[i-1, i] - b[i] (the same, eq. 4). `untrained`: b, `(T,)`.
    """
    table, base = _square(scores), np.asarray(untrained, dtype=np.float64)
    if base.shape != (len(table),):
        raise ValueError(f"untrained has shape {base.shape}; expected one score for each of {len(table)} tasks")
    return float((np.diag(table, 1) - base[1:]).mean())


def forgetting(scores: Any) -> float:
    """Return the mean loss of the earlier tasks' scores from the best that any earlier model had; 0: nothing is lost.

    F = 1/(T-1) sum over j < T of max over l < T of a[l, j] - a[T, j] (Chaudhry et al., "Riemannian Walk for Incremental
    Learning", 2018, section 3.2). It is negative where the last model is better than every earlier one.
    """
    table = _square(scores)
    return float((table[:-1, :-1].max(axis=0) - table[-1, :-1]).mean())


def _square(scores: Any) -> Array:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < 2:
        raise ValueError(
            f"scores have shape {table.shape}; expected (T, T) with T of at least 2: a model after each task"
        )
    return table
