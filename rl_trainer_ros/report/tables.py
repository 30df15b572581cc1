"""The tables beside the page, as CSV: runs, variants, comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rl_trainer_ros.report import findings
from rl_trainer_ros.report.found_runs import DamagedRun, FoundRun
from rl_trainer_ros.report.settings import SEED, TASK
from rl_trainer_ros.report.variants import MEASURES, TaskOfRuns

Rows = list[dict[str, Any]]


def run_rows(tasks: Sequence[TaskOfRuns], names: Sequence[str], others: Sequence[FoundRun | DamagedRun]) -> Rows:
    """Return a row for each run: those of variants with their scores, then the others with their problem."""
    rows: Rows = []
    for task in tasks:
        for variant, run, score in task.runs():
            rows.append(
                {
                    "run": run.name,
                    "task": task.task,
                    "variant": variant.label,
                    "seed": run.settings.get(SEED, ""),
                    "ended": run.ended,
                    "steps": run.steps,
                    "training_s": run.training_s,
                    **dict(zip(names, variant.values)),
                    **{measure: score.get(measure) for measure in MEASURES},
                    "scores_of": "" if run.problem else task.source,
                    "problem": run.problem,
                }
            )
    for other in others:
        known = {"task": other.settings.get(TASK, ""), "ended": other.ended} if isinstance(other, FoundRun) else {}
        rows.append({"run": other.name, **known, "problem": other.problem})
    return rows


def variant_rows(tasks: Sequence[TaskOfRuns]) -> Rows:
    """Return a row for each variant and measure: interquartile mean with its interval, mean and deviation of the runs."""
    rows: Rows = []
    for task in tasks:
        for measure in MEASURES:
            for mean in findings.means(task, measure):
                low, high = mean.interval or (None, None)
                rows.append(
                    {
                        "task": task.task,
                        "variant": mean.label,
                        "measure": measure,
                        "runs": len(mean.scores),
                        "interquartile_mean": mean.value,
                        "low": low,
                        "high": high,
                        "mean": float(np.mean(mean.scores)),
                        "deviation": float(np.std(mean.scores, ddof=1)) if len(mean.scores) > 1 else None,
                    }
                )
    return rows


def pair_rows(tasks: Sequence[TaskOfRuns]) -> Rows:
    """Return a row for each pair of variants and measure."""
    rows: Rows = []
    for task in tasks:
        rows += [_pair_row(task.task, pair) for measure in findings.COMPARED for pair in findings.pairs(task, measure)]
    return rows + [_pair_row("all tasks", pair) for pair in findings.overall_pairs(tasks)]


def _pair_row(task: str, pair: findings.Pair) -> dict[str, Any]:
    low, high = pair.interval or (None, None)
    return {
        "task": task,
        "measure": pair.measure,
        "variant": pair.first,
        "other": pair.second,
        "probability_of_improvement": pair.probability,
        "low": low,
        "high": high,
        "welch_t": pair.welch.t if pair.welch else None,
        "welch_degrees": pair.welch.degrees if pair.welch else None,
        "welch_p": pair.welch.p if pair.welch else None,
    }
