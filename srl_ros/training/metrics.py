"""How much of the ground truth is in a learned state: pure functions of states and truth."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]
_CHUNK = 256  # rows of the distance matrix held at once


def knn_mse(states: Array, truth: Array, neighbours: int = 5, near: NDArray[np.int64] | None = None) -> float:
    """KNN-MSE: mean of |truth_i - truth_j|^2 over the nearest `neighbours` j of each i among the states; small is good.

    `states` (n, d), `truth` (n, k); the unit is that of the truth, squared. `near`: what `nearest` returns for these states,
    where it is known. From Raffin et al. 2018, "S-RL Toolbox:
    Environments, Datasets and Evaluation Metrics for State Representation Learning" (arXiv 1809.09369).
    """
    near = nearest(states, neighbours) if near is None else near
    return float(((truth[:, None, :] - truth[near]) ** 2).sum() / (len(states) * neighbours))


def nmse(states: Array, truth: Array, neighbours: int = 5, near: NDArray[np.int64] | None = None) -> float:
    """NMSE: error of the truth estimated as the mean of the nearest `neighbours`, squared, over the truth's variance.

    0 is perfect, 1 no better than the mean; 1 + 1 / neighbours for neighbours by chance. It has no unit, so figures of
    different tasks can be compared. `near` as in `knn_mse`.
    """
    near = nearest(states, neighbours) if near is None else near
    error = truth - truth[near].mean(axis=1)
    variance = float(truth.var(axis=0).sum())
    return float((error**2).sum(axis=1).mean() / variance) if variance > 1e-12 else 0.0


def nearest(states: Array, neighbours: int) -> NDArray[np.int64]:
    """`(n, neighbours)` indices of the other states that are closest to each, the closest first."""
    if len(states) <= neighbours:
        raise ValueError(f"{neighbours} neighbours want more than {len(states)} states")
    square, found = (states**2).sum(1), np.empty((len(states), neighbours), np.int64)
    for start in range(0, len(states), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(states)))
        distance = square[rows, None] + square[None, :] - 2.0 * states[rows] @ states.T
        distance[np.arange(len(rows)), rows] = np.inf  # a state is no neighbour of its own
        closest = np.argpartition(distance, neighbours - 1, axis=1)[:, :neighbours]
        order = np.take_along_axis(distance, closest, axis=1).argsort(axis=1, kind="stable")
        found[rows] = np.take_along_axis(closest, order, axis=1)
    return found


def correlations(states: Array, truth: Array) -> Array:
    """`(d, k)`: correlation of each dimension of `states` with each column of `truth`. That of a constant is 0."""
    a, b = states - states.mean(0), truth - truth.mean(0)
    scale = np.linalg.norm(a, axis=0)[:, None] * np.linalg.norm(b, axis=0)[None, :]
    found: Array = np.divide(a.T @ b, scale, out=np.zeros_like(scale), where=scale > 1e-12)
    return found


def gtc(states: Array, truth: Array) -> Array:
    """GTC `(k,)`: for each column of `truth` its largest |correlation| with any one dimension of `states`, 0 to 1.

    A constant correlates with nothing: 0. From the same source as `knn_mse`.
    """
    best: Array = np.abs(correlations(states, truth)).max(axis=0)
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
    return r2(centre + b @ weights, truth)


def r2(estimate: Array, truth: Array) -> Array:
    """R^2 `(k,)`: 1 minus squared error over variance. A constant column of `truth` gives 0."""
    residual, variance = ((truth - estimate) ** 2).mean(0), truth.var(0)
    found: Array = 1.0 - np.divide(residual, variance, out=np.ones_like(residual), where=variance > 1e-12)
    return found


def probe(training_states: Array, training_truth: Array, states: Array, steps: int = 400, hidden: int = 64) -> Array:
    """Return the truth `(n, k)` that a small network reads out of `states`, after learning it on the training states.

    Two hidden layers, Adam with a cosine to 0, the same start each time: what a policy network could read out, straight or
    not.
    """
    mean, std = training_states.mean(0), np.maximum(training_states.std(0), 1e-6)
    centre, spread = training_truth.mean(0), np.maximum(training_truth.std(0), 1e-9)
    a, b = (torch.from_numpy((one - mean) / std).float() for one in (training_states, states))
    wanted = torch.from_numpy((training_truth - centre) / spread).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = (a.shape[1], hidden, hidden)
        layers = [part for i, o in zip(sizes, sizes[1:]) for part in (torch.nn.Linear(i, o), torch.nn.ReLU())]
        network = torch.nn.Sequential(*layers, torch.nn.Linear(hidden, wanted.shape[1]))
        optimiser = torch.optim.Adam(network.parameters(), lr=0.01, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            rows = torch.randint(len(a), (min(256, len(a)),))
            loss = ((network(a[rows]) - wanted[rows]) ** 2).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            read: Array = network(b).double().numpy()
    estimate: Array = read * spread + centre
    return estimate
