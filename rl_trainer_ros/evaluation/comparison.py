"""Comparing algorithms by few runs each: interquartile mean, probability of improvement, Welch's t-test.

The first two and their stratified bootstrap intervals are those of Agarwal et al., "Deep Reinforcement Learning at the Edge of
the Statistical Precipice", 2021 (their library is rliable). `Scores` are one array per task, each with a score per run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Scores = Sequence[Any]
Interval = tuple[float, float]
RESAMPLES = 2000
_TRIMMED = 0.25
_AT_ONCE = 100  # resamples: pairs of a hundred runs each take 8 MB


def interquartile_mean(scores: Scores) -> float:
    """Return the mean of the middle half of all scores: a quarter, rounded down, is left out at each end.

    Of three runs nothing is left out, of four the best and the worst.
    """
    return float(_interquartile_means([_one(task) for task in scores])[0])


def probability_of_improvement(scores: Scores, others: Scores) -> float:
    """Return the probability that a run of `scores` is better than one of `others` on a task chosen at random.

    For one task it is the share of pairs (Mann and Whitney's U) in which the first is higher; equal scores count half.
    """
    return float(_probabilities([_one(task) for task in scores], [_one(task) for task in others])[0])


def interquartile_mean_interval(scores: Scores, level: float = 0.95) -> Interval:
    """Return the stratified bootstrap interval of `interquartile_mean`."""
    return _interval(lambda samples: _interquartile_means(samples[0]), [scores], level)


def probability_of_improvement_interval(scores: Scores, others: Scores, level: float = 0.95) -> Interval:
    """Return the stratified bootstrap interval of `probability_of_improvement`; the runs of both are sampled."""
    return _interval(lambda samples: _probabilities(*samples), [scores, others], level)


def _interval(statistic: Callable[[list[list[Array]]], Array], groups: Sequence[Scores], level: float) -> Interval:
    """Percentile bootstrap: runs are sampled with replacement within each task. The same scores give the same interval."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(RESAMPLES // _AT_ONCE):
        samples = [[generator.choice(_one(task)[0], (_AT_ONCE, len(task))) for task in group] for group in groups]
        found.append(statistic(samples))
    low, high = np.quantile(np.concatenate(found), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _one(task: Any) -> Array:
    """The scores of a task as one sample of themselves, `(1, runs)`."""
    values = np.asarray(task, dtype=np.float64).reshape(1, -1)
    if not values.size:
        raise ValueError("a task has no scores")
    return values


def _interquartile_means(tasks: list[Array]) -> Array:
    """`(samples,)` of tasks `(samples, runs)` each."""
    values = np.sort(np.concatenate(tasks, axis=1), axis=1)
    cut = int(_TRIMMED * values.shape[1])
    means: Array = values[:, cut : values.shape[1] - cut].mean(axis=1)
    return means


def _probabilities(tasks: list[Array], others: list[Array]) -> Array:
    """`(samples,)` of tasks `(samples, runs)` each."""
    if len(tasks) != len(others):
        raise ValueError(f"{len(tasks)} tasks are compared with {len(others)}; give scores for the same tasks")
    found = []
    for one, other in zip(tasks, others):
        pairs = np.sign(one[:, :, None] - other[:, None, :])
        found.append(0.5 + 0.5 * pairs.mean(axis=(1, 2)))
    means: Array = np.mean(found, axis=0)
    return means


@dataclass(frozen=True)
class Welch:
    """The result of Welch's t-test."""

    t: float
    degrees: float
    """Degrees of freedom."""
    p: float
    """Two-sided: the probability of a difference at least as large between runs whose expected scores are equal."""


def welch(scores: Any, others: Any) -> Welch | None:
    """Return Welch's t-test of two means (Biometrika 1947); None where it has no value.

    That is with fewer than two runs on a side, or where no score differs from its mean.
    """
    one, other = np.asarray(scores, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if min(len(one), len(other)) < 2:
        return None
    parts = [values.var(ddof=1) / len(values) for values in (one, other)]
    if not sum(parts) > 0.0:
        return None
    t = float((one.mean() - other.mean()) / math.sqrt(sum(parts)))
    freedom = sum(part**2 / (len(values) - 1) for part, values in zip(parts, (one, other)))
    degrees = float(sum(parts) ** 2 / freedom)
    return Welch(t, degrees, student_p(t, degrees))


def student_p(t: float, degrees: float) -> float:
    """Return the two-sided p of Student's t: I_x(degrees / 2, 1/2) at x = degrees / (degrees + t^2)."""
    return incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF, eq. 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):  # where the fraction converges slowly
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    front = math.exp(
        a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) - math.log(a)
    )
    numerator, denominator, value = 1.0, 0.0, 1.0  # Lentz's method, Applied Optics 1976
    for n in range(400):
        m = n // 2
        if n == 0:
            step = 1.0
        elif n % 2 == 0:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        denominator = 1.0 / _nonzero(1.0 + step * denominator)
        numerator = _nonzero(1.0 + step / numerator)
        value *= numerator * denominator
        if n and abs(numerator * denominator - 1.0) < 1e-14:
            break
    return front * (value - 1.0)


def _nonzero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300
