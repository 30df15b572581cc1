"""The sections of a report about results: the best variants, figures of each task, comparisons, all tasks together."""

from __future__ import annotations

from collections.abc import Sequence

from rl_trainer_ros.report import findings
from rl_trainer_ros.report.findings import Mean
from rl_trainer_ros.report.found_runs import FoundRun
from rl_trainer_ros.report.page.charts import shown_number
from rl_trainer_ros.report.page.comparisons import comparisons_section
from rl_trainer_ros.report.page.curves import curves_section, in_evaluations, in_training
from rl_trainer_ros.report.page.markup import Markup, joined, tag
from rl_trainer_ros.report.page.score_cells import named, score_cells, span
from rl_trainer_ros.report.variants import RETURN, SUCCESS, TaskOfRuns, Variant

_CURVES = (
    "Over environment steps. Line: mean of the runs. Band: from the lowest run to the highest. Thin lines: single runs."
)
_EVALUATIONS = "The same for the evaluations of each run, in which the policy does not explore."


def summary(tasks: Sequence[TaskOfRuns], runs: Sequence[FoundRun], left_out: int) -> str:
    """Return the line below the title."""
    variants = {variant.label for task in tasks for variant in task.variants}
    seeds = {run.settings.get("seed", "") for run in runs}
    steps = sum(run.steps for run in runs)
    parts = [
        _count(len(runs) + left_out, "run"),
        f"{_count(len(tasks), 'task')} ({', '.join(task.task for task in tasks)})" if tasks else "",
        _count(len(variants), "variant") if variants else "",
        _count(len(seeds), "seed") if runs else "",
        f"{steps:,} steps in all" if steps else "",
    ]
    return " · ".join(part for part in parts if part)


def cards(tasks: Sequence[TaskOfRuns]) -> Markup | None:
    """Return a card for each task: its best variant."""
    found = []
    for task in tasks:
        best = findings.best(task)
        if best is None:
            continue
        success, total = best
        found.append(
            tag(
                "div",
                tag("p", task.task, class_="name"),
                tag("div", f"{100 * success.value:.0f} %", tag("small", "success"), class_="big"),
                tag("p", tag("strong", named(success.number, success.label))),
                tag("p", _of_runs(success, total), class_="soft"),
                tag("p", findings.verdict(task, success.label)),
                class_="card",
            )
        )
    if not found:
        return None
    note = (
        "The best variant of each task by success, then by return: interquartile mean over its finished runs. It is better "
        "than another where the 95 % interval of the probability of improvement leaves out an even chance."
    )
    return joined(tag("h2", "Results"), tag("p", note, class_="soft"), tag("div", found, class_="cards"))


def _of_runs(success: Mean, total: Mean | None) -> str:
    parts = [_count(len(success.scores), "run")]
    if success.interval:
        parts.append(f"95 % interval {100 * success.interval[0]:.0f} to {100 * success.interval[1]:.0f} %")
    if total:
        parts.append(f"return {shown_number(total.value)}")
    return ", ".join(parts)


def task_section(task: TaskOfRuns, window: int) -> Markup:
    """Return the figures of a task: scores at the end, curves, comparisons."""
    return joined(
        tag("h2", f"Task {task.task}"),
        _scores(task),
        legend(task.variants),
        curves_section(task, f"In training: mean of {window} episodes", in_training(window), _CURVES),
        curves_section(task, "Evaluations during the training", in_evaluations, _EVALUATIONS),
        comparisons_section(task),
    )


def _scores(task: TaskOfRuns) -> Markup | None:
    measures = [measure for measure in (SUCCESS, RETURN) if findings.means(task, measure)]
    if not measures:
        return None
    means = {measure: {mean.label: mean for mean in findings.means(task, measure)} for measure in measures}
    rows = []
    for variant in task.variants:
        cells = [tag("th", named(variant.number, variant.label), scope="row")]
        for measure in measures:
            mean = means[measure].get(variant.label)
            cells += score_cells(mean, measure, span(list(means[measure].values()), measure))
        rows.append(tag("tr", cells))
    head = [tag("th", "variant", scope="col")]
    for measure in measures:
        head += [tag("th", "success, %" if measure == SUCCESS else measure, scope="col", colspan="2")]
    return joined(
        tag("h3", "Scores at the end"),
        tag("div", tag("table", tag("thead", tag("tr", head)), tag("tbody", rows)), class_="scroll"),
        tag(
            "p",
            "Dot and number: interquartile mean over runs. Bar: its 95 % interval. Thin marks: single runs. "
            f"Scores are of {task.source}.",
            class_="caption",
        ),
    )


def legend(variants: Sequence[Variant]) -> Markup | None:
    """Return the colours of variants; None for one alone, which needs none."""
    if len(variants) < 2:
        return None
    return tag(
        "ul",
        [
            tag("li", named(one.number, one.label), tag("span", f" {_count(len(one.runs), 'run')}", class_="small"))
            for one in variants
        ],
        class_="legend",
    )


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
