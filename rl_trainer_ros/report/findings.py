"""Figures of variants: their interquartile means, and the probability that one is better than another."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rl_trainer_ros.evaluation import comparison
from rl_trainer_ros.evaluation.comparison import Interval, Welch
from rl_trainer_ros.report.variants import RETURN, SUCCESS, TaskOfRuns, Variant

COMPARED = (SUCCESS, RETURN)


@dataclass(frozen=True)
class Mean:
    """The interquartile mean of a variant."""

    label: str
    number: int
    value: float
    interval: Interval | None
    """95 %, from the stratified bootstrap; None for one run."""
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Pair:
    """Two variants of a task, by one measure."""

    first: str
    second: str
    measure: str
    probability: float
    """That a run of the first is better than one of the second."""
    interval: Interval | None
    welch: Welch | None

    @property
    def sure(self) -> bool:
        """Whether the interval excludes an even chance."""
        return self.interval is not None and not self.interval[0] <= 0.5 <= self.interval[1]


def means(task: TaskOfRuns, measure: str) -> list[Mean]:
    """Return the interquartile mean of each variant of a task that has whole runs."""
    found = []
    for variant in task.variants:
        if scores := task.of(variant, measure):
            found.append(_mean(variant.label, variant.number, [scores]))
    return found


def pairs(task: TaskOfRuns, measure: str) -> list[Pair]:
    """Return every pair of variants of a task, the one with the higher score first."""
    there = [variant for variant in task.variants if task.of(variant, measure)]
    there.sort(key=lambda variant: -comparison.interquartile_mean([task.of(variant, measure)]))
    return [_pair(task, measure, one, other) for one, other in itertools.combinations(there, 2)]


def best(task: TaskOfRuns) -> tuple[Mean, Mean | None] | None:
    """Return success and return of the variant with the highest success, of equal ones with the highest return."""
    successes = means(task, SUCCESS)
    if not successes:
        return None
    returns = {mean.label: mean for mean in means(task, RETURN)}
    first = max(
        successes, key=lambda mean: (mean.value, returns[mean.label].value if mean.label in returns else -np.inf)
    )
    return first, returns.get(first.label)


def verdict(task: TaskOfRuns, label: str) -> str:
    """Return in words which other variants a variant is better than, by success or return; empty if it is the only one.

    Better: the interval of the probability of improvement excludes an even chance.
    """
    rivals = [pair for measure in COMPARED for pair in pairs(task, measure) if label in (pair.first, pair.second)]
    beaten = {_other(pair, label) for pair in rivals if pair.sure and (pair.first == label) == (pair.probability > 0.5)}
    unsure = {_other(pair, label) for pair in rivals} - beaten
    parts = [f"Better than {_listed(beaten)}"] if beaten else []
    parts += [f"{'no' if beaten else 'No'} clear difference from {_listed(unsure)}"] if unsure else []
    return f"{'; '.join(parts)}." if parts else ""


def _other(pair: Pair, label: str) -> str:
    return pair.second if pair.first == label else pair.first


def _listed(labels: Iterable[str]) -> str:
    names = sorted(labels)
    return f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if names[3:] else ''}"


def overall(tasks: Sequence[TaskOfRuns]) -> list[Mean]:
    """Return the interquartile mean of success over all tasks, of the variants that learned each of them."""
    if len(tasks) < 2:
        return []
    found = []
    for variant in tasks[0].variants:
        scores = [_of_label(task, variant.label) for task in tasks]
        if all(scores):
            found.append(_mean(variant.label, variant.number, scores))
    return found


def overall_pairs(tasks: Sequence[TaskOfRuns]) -> list[Pair]:
    """Return pairs of the variants of `overall`: the probability that one is better on a task chosen at random."""
    there = sorted(overall(tasks), key=lambda mean: -mean.value)
    found = []
    for one, other in itertools.combinations(there, 2):
        first, second = ([_of_label(task, mean.label) for task in tasks] for mean in (one, other))
        several = all(len(scores) > 1 for scores in (*first, *second))
        found.append(
            Pair(
                one.label,
                other.label,
                SUCCESS,
                comparison.probability_of_improvement(first, second),
                comparison.probability_of_improvement_interval(first, second) if several else None,
                None,
            )
        )
    return found


def _of_label(task: TaskOfRuns, label: str) -> list[float]:
    return next((task.of(variant, SUCCESS) for variant in task.variants if variant.label == label), [])


def _mean(label: str, number: int, scores: Sequence[Sequence[float]]) -> Mean:
    several = all(len(task) > 1 for task in scores)
    interval = comparison.interquartile_mean_interval(scores) if several else None
    every = tuple(value for task in scores for value in task)
    return Mean(label, number, comparison.interquartile_mean(scores), interval, every)


def _pair(task: TaskOfRuns, measure: str, one: Variant, other: Variant) -> Pair:
    scores = [task.of(variant, measure) for variant in (one, other)]
    several = min(map(len, scores)) > 1
    first, second = [scores[0]], [scores[1]]
    return Pair(
        one.label,
        other.label,
        measure,
        comparison.probability_of_improvement(first, second),
        comparison.probability_of_improvement_interval(first, second) if several else None,
        comparison.welch(*scores),
    )
