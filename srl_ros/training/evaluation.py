"""The figures of a state: how much of the ground truth is in the states of unseen images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srl_ros.objectives import Batch
from srl_ros.training.batches import DataFacts, gathered
from srl_ros.training.learner import Learner
from srl_ros.training.metrics import Array, gtc, knn_mse, linear_r2, nearest, nmse, probe, r2
from srl_ros.transitions import TransitionSource

MOST = 4000  # images of either part; more change the third digit
NEIGHBOURS = 5
SMALLEST_M = 1e-3
"""A coordinate of a place that varies less (standard deviation) does not count in the means of its group."""
SHOWN = ("target", "hand", "seen")
"""Places whose error the line of `describe` has; seen: the target in the frame of eyes that look."""
Batches = Callable[[NDArray[np.int64]], Iterator[Batch]]


def evaluate(
    learner: Learner,
    batches: Batches,
    source: TransitionSource,
    training: NDArray[np.int64],
    validation: NDArray[np.int64],
    facts: DataFacts,
) -> dict[str, Any]:
    """Return the figures of `srl_ros.training.metrics`; read-outs are fitted on training images, judged on the others."""
    training, validation = thinned(training), thinned(validation)
    fitted, states = (states_of(learner, batches, rows) for rows in (training, validation))
    found: dict[str, Any] = {"validation_images": len(states), "state_dim": states.shape[1]}
    if "ground_truth" in source.has:
        truths = [gathered(source, rows, ("ground_truth",))["ground_truth"] for rows in (training, validation)]
        found |= figures(fitted, truths[0], states, truths[1], source.truth_names)
    accuracy = reward_accuracy(learner, batches, validation)
    return found if accuracy is None else {**found, "reward_accuracy": accuracy}


def figures(fitted: Array, fitted_truth: Array, states: Array, truth: Array, names: tuple[str, ...]) -> dict[str, Any]:
    """Return all figures of states `(n, d)` and truth `(n, k)`; `fitted` ones are for the read-outs.

    The keys at the top are of all of `names`; under those of `places`, such as `target` and `hand`, of a place alone.
    """
    neighbours = min(NEIGHBOURS, len(states) - 1)
    near = nearest(states, neighbours)  # once, because it takes longer than all other figures
    correlation = gtc(states, truth)
    straight, read = linear_r2(fitted, fitted_truth, states, truth), np.empty_like(truth)
    for at in read_alone(names):  # what a state hardly tells, as the hand often, would spoil the read-out of the rest
        read[:, at] = probe(fitted, fitted_truth[:, at], states)
    bent = r2(read, truth)
    found: dict[str, Any] = {
        "knn_mse": knn_mse(states, truth, neighbours, near),
        "nmse": nmse(states, truth, neighbours, near),
        "gtc": dict(zip(names, correlation.tolist())),
        "gtc_mean": float(correlation.mean()) if len(correlation) else 0.0,
        "linear_r2": dict(zip(names, straight.tolist())),
        "nonlinear_r2": dict(zip(names, bent.tolist())),
    }
    for group, at in places(names).items():
        error_cm = 100.0 * np.linalg.norm(read[:, at] - truth[:, at], axis=1)
        varied = [i for i in at if truth[:, i].std() > SMALLEST_M]
        found[group] = {
            "knn_mse": knn_mse(states, truth[:, at], neighbours, near),
            "nmse": nmse(states, truth[:, at], neighbours, near),
            "gtc_mean": float(correlation[varied].mean()) if varied else 0.0,
            "linear_r2": float(straight[varied].mean()) if varied else 0.0,
            "nonlinear_r2": float(bent[varied].mean()) if varied else 0.0,
            "probe_error_cm": float(np.median(error_cm)),
            "probe_error_90_cm": float(np.quantile(error_cm, 0.9)),
        }
    return found


def places(names: tuple[str, ...]) -> dict[str, list[int]]:
    """Return the places in metres among names of the ground truth: target -> where target_x to target_z stand."""
    groups = dict.fromkeys(name[:-2] for name in names if name.endswith(("_x", "_y", "_z")))
    return {group: [i for i, name in enumerate(names) if name[:-2] == group] for group in groups}


def read_alone(names: tuple[str, ...]) -> list[list[int]]:
    """Return the columns that each read-out is for: one for each of `places`, one for all other names."""
    groups = list(places(names).values())
    others = [i for i in range(len(names)) if not any(i in at for at in groups)]
    return [*groups, *([others] if others else [])]


def describe(metrics: dict[str, Any]) -> str:
    """The figures of `evaluate` in one line: of other places than SHOWN R^2 alone."""
    names = tuple(metrics.get("gtc", ()))
    others = {group: at for group, at in places(names).items() if group not in SHOWN}
    left_out = {names[i] for at in others.values() for i in at}

    def values(named: dict[str, float]) -> str:
        return " ".join(f"{name} {value:.2f}" for name, value in named.items() if name not in left_out)

    parts = []
    if names:
        parts += [
            f"GTC {values(metrics['gtc'])} (mean {metrics['gtc_mean']:.2f})",
            f"linear R2 {values(metrics['linear_r2'])}",
            f"KNN-MSE {metrics['knn_mse']:.4g}",
        ]
    parts += [
        f"{group} read out within {metrics[group]['probe_error_cm']:.1f} cm (median)"
        for group in SHOWN
        if group in metrics
    ]
    if others:
        parts.append("nonlinear R2 of " + " ".join(f"{one} {metrics[one]['nonlinear_r2']:.2f}" for one in others))
    if "reward_accuracy" in metrics:
        parts.append(f"class of the reward right in {metrics['reward_accuracy']:.0%}")
    return f"on {metrics['validation_images']:,} unseen images: {'; '.join(parts) or 'no ground truth'}"


@torch.no_grad()
def states_of(learner: Learner, batches: Batches, rows: NDArray[np.int64]) -> Array:
    """Standardised states `(n, d)` of the images of `rows`."""
    states = torch.cat([learner.network(batch.images).cpu() for batch in batches(rows)])
    array: Array = states.double().numpy()
    return array


@torch.no_grad()
def reward_accuracy(learner: Learner, batches: Batches, rows: NDArray[np.int64]) -> float | None:
    """Share of the rewards whose class is predicted right; None where no loss predicts it."""
    right, count = 0, 0
    for batch in batches(rows):
        predicted = learner.predict_reward_class(batch)
        if predicted is None:
            return None
        right += int((predicted == batch.reward_class).sum())
        count += len(predicted)
    return right / count


def thinned(rows: NDArray[np.int64], most: int = MOST) -> NDArray[np.int64]:
    """Return at most `most` of the rows `(n,)`, evenly spaced."""
    return rows[:: -(-len(rows) // most)]
