"""Does a learned state know what is true? Three figures, of states and ground truth alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_CHUNK = 256  # rows of the distance matrix held at once


def knn_mse(states: Array, truth: Array, neighbours: int = 5) -> float:
    """KNN-MSE: mean of |truth_i - truth_j|^2 over the nearest `neighbours` j of each i among the states; small is good.

    `states` (n, d), `truth` (n, k); the unit is that of the truth, squared. From Raffin et al. 2018, "S-RL Toolbox:
    Environments, Datasets and Evaluation Metrics for State Representation Learning" (arXiv 1809.09369).
    """
    if len(states) <= neighbours:
        raise ValueError(f"{neighbours} neighbours want more than {len(states)} states")
    square, total = (states**2).sum(1), 0.0
    for start in range(0, len(states), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(states)))
        distance = square[rows, None] + square[None, :] - 2.0 * states[rows] @ states.T
        distance[np.arange(len(rows)), rows] = np.inf  # a state is no neighbour of its own
        nearest = np.argpartition(distance, neighbours - 1, axis=1)[:, :neighbours]
        total += float(((truth[rows, None, :] - truth[nearest]) ** 2).sum())
    return total / (len(states) * neighbours)


def gtc(states: Array, truth: Array) -> Array:
    """GTC `(k,)`: for each column of `truth` its largest |correlation| with any one dimension of `states`, 0 to 1.

    A constant correlates with nothing: 0. From the same source as `knn_mse`.
    """
    a, b = states - states.mean(0), truth - truth.mean(0)
    scale = np.linalg.norm(a, axis=0)[:, None] * np.linalg.norm(b, axis=0)[None, :]
    correlation = np.divide(a.T @ b, scale, out=np.zeros_like(scale), where=scale > 1e-12)
    best: Array = np.abs(correlation).max(axis=0)
    return best


def linear_r2(
    training_states: Array, training_truth: Array, states: Array, truth: Array, penalty: float = 1e-3
) -> Array:
    """R^2 `(k,)` on `states` of a ridge regression fitted on `training_states`; 1 is perfect, 0 no better than the mean.

    Truth of an image is seldom along one dimension of the state, which is all that GTC sees; this sees every linear
    combination. A constant column of `truth` gives 0.
    """
    mean, std = training_states.mean(0), np.maximum(training_states.std(0), 1e-6)
    a, b = (training_states - mean) / std, (states - mean) / std
    centre = training_truth.mean(0)
    weights = np.linalg.solve(a.T @ a + penalty * len(a) * np.eye(a.shape[1]), a.T @ (training_truth - centre))
    residual, variance = ((truth - centre - b @ weights) ** 2).mean(0), truth.var(0)
    r2: Array = 1.0 - np.divide(residual, variance, out=np.ones_like(residual), where=variance > 1e-12)
    return r2
