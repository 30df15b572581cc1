"""Runs that differ in their seed only, task by task, and the score of each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rl_trainer_ros.report import settings
from rl_trainer_ros.report.found_runs import FoundRun

SUCCESS, RETURN, DISTANCE = "success", "return", "distance"
MEASURES = (SUCCESS, RETURN, DISTANCE)
_EVALUATED = {SUCCESS: "success_rate", RETURN: "mean_return", DISTANCE: "mean_final_distance_m"}
_FIELDS = {SUCCESS: "success", RETURN: "returns", DISTANCE: "distance"}


@dataclass(frozen=True)
class Variant:
    """Runs of one task with the same settings apart from the seed."""

    label: str
    number: int
    """The same for the same settings on every task: its colour."""
    values: tuple[str, ...]
    runs: tuple[FoundRun, ...]
    """All that have episodes; for curves."""

    @property
    def whole(self) -> tuple[FoundRun, ...]:
        """The runs that are compared."""
        return tuple(run for run in self.runs if not run.problem)


@dataclass(frozen=True)
class TaskOfRuns:
    """A task, with the variants that learned it."""

    task: str
    variants: tuple[Variant, ...]
    source: str
    """The episodes that scores are of, in words."""
    scores: Mapping[str, tuple[Mapping[str, float], ...]]
    """Label of a variant -> for each of its whole runs measure -> value."""

    def runs(self) -> Iterator[tuple[Variant, FoundRun, Mapping[str, float]]]:
        """Yield each run with its variant and its scores: measure -> value, empty for a run that is not compared."""
        for variant in self.variants:
            scores = iter(self.scores[variant.label])
            for run in variant.runs:
                yield variant, run, {} if run.problem else next(scores)

    def of(self, variant: Variant, measure: str) -> list[float]:
        """The scores of a variant, one per whole run; those that are not known are left out."""
        values = [scores[measure] for scores in self.scores[variant.label]]
        return [value for value in values if np.isfinite(value)]


def by_task(runs: Sequence[FoundRun], window: int) -> tuple[list[TaskOfRuns], list[str]]:
    """Return the tasks of runs, and the names of the settings in which variants differ. `window`: episodes of a score."""
    names = [
        name
        for name in settings.differing([run.settings for run in runs])
        if name not in (settings.SEED, settings.TASK)
    ]
    keys = sorted(
        {settings.variant(run.settings, names) for run in runs}, key=lambda key: [_sortable(part) for part in key]
    )
    labels = _labels(keys, names)
    found = []
    for task in sorted({run.settings[settings.TASK] for run in runs}):
        own = [run for run in runs if run.settings[settings.TASK] == task]
        variants = []
        for number, key in enumerate(keys):
            same = [run for run in own if settings.variant(run.settings, names) == key]
            if same:
                variants.append(Variant(labels[number], number, key, tuple(sorted(same, key=_seed))))
        source, scores = _scores(variants, window)
        found.append(TaskOfRuns(task, tuple(variants), source, scores))
    return found, names


def _labels(keys: Sequence[tuple[str, ...]], names: Sequence[str]) -> list[str]:
    labels = [settings.label(key, names) for key in keys]
    return [one if labels.count(one) == 1 else f"{one} ({labels[:i].count(one) + 1})" for i, one in enumerate(labels)]


def _seed(run: FoundRun) -> tuple[int, str]:
    return int(run.settings.get(settings.SEED, "0")), run.name


def _sortable(text: str) -> tuple[int, float, str]:
    """The default first, then numbers by their value, then words."""
    try:
        return (1, float(text), "") if text else (0, 0.0, "")
    except ValueError:
        return (2, 0.0, text)


def _scores(variants: Sequence[Variant], window: int) -> tuple[str, dict[str, tuple[dict[str, float], ...]]]:
    """Scores from the best source that every run of a task has, so that they can be compared."""
    whole = [run for variant in variants for run in variant.whole]
    conditions = sorted({run.conditions for run in whole if run.evaluation})
    evaluated = bool(whole) and all(run.evaluation for run in whole)
    if evaluated and len(conditions) == 1:
        n = sorted({int(run.evaluation["episodes"]) for run in whole})
        source, score = (
            f"{' to '.join(map(str, n[:1] + n[1:][-1:]))} unseen targets after the training",
            _after_training,
        )
        source += f" ({conditions[0]})" if conditions[0] else ""
    elif whole and all(len(run.evaluations.steps) for run in whole):
        source, score = "the last evaluation during the training", _last_evaluation
    else:
        source, score = (
            f"the last {window} training episodes, in which the policy still explores",
            lambda run: _last_episodes(run, window),
        )
    if evaluated and len(conditions) > 1:
        source += (
            f"; those after the training differ in their conditions: {', '.join(one or 'none' for one in conditions)}"
        )
    return source, {variant.label: tuple(score(run) for run in variant.whole) for variant in variants}


def _after_training(run: FoundRun) -> dict[str, float]:
    return {measure: float(run.evaluation[name]) for measure, name in _EVALUATED.items()}


def _last_evaluation(run: FoundRun) -> dict[str, float]:
    return {measure: float(getattr(run.evaluations, name)[-1]) for measure, name in _FIELDS.items()}


def _last_episodes(run: FoundRun, window: int) -> dict[str, float]:
    if not len(run.episodes):
        return dict.fromkeys(_FIELDS, np.nan)
    return {measure: float(np.mean(getattr(run.episodes, name)[-window:])) for measure, name in _FIELDS.items()}
