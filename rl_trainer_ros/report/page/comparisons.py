"""The comparisons of a report: which variant is better, on one task and on all, and how this is computed."""

from __future__ import annotations

from collections.abc import Sequence

from rl_trainer_ros.report import findings
from rl_trainer_ros.report.findings import Pair
from rl_trainer_ros.report.page.markup import Markup, joined, tag
from rl_trainer_ros.report.page.score_cells import named, score_cells
from rl_trainer_ros.report.variants import SUCCESS, TaskOfRuns

_MOST_PAIRS = 15


def comparisons_section(task: TaskOfRuns) -> Markup | None:
    """Return the tables of pairs of a task's variants; None where it has none."""
    by_measure = {measure: findings.pairs(task, measure) for measure in findings.COMPARED}
    if not any(by_measure.values()):
        return None
    parts = [tag("h3", "Which is better?")]
    for measure, pairs in by_measure.items():
        if pairs:
            parts.append(_pairs_table(pairs, measure))
    parts.append(
        tag(
            "p",
            "P: the probability that a run of the first variant has a higher score than one of the second, with its 95 % "
            "interval; 50 % is an even chance. Bold: the interval leaves out 50 %. Welch's t-test compares means and assumes "
            "normal scores; a small p speaks against equal means. Neither is corrected for the number of pairs.",
            class_="caption",
        )
    )
    return joined(parts)


def _pairs_table(pairs: Sequence[Pair], measure: str) -> Markup:
    tested = any(pair.welch for pair in pairs)
    rows = [
        tag(
            "tr",
            tag("th", pair.first, scope="row"),
            tag("td", pair.second),
            tag("td", _percent(pair), class_="num sure" if pair.sure else "num"),
            tag("td", _welch(pair), class_="num") if tested else None,
        )
        for pair in pairs[:_MOST_PAIRS]
    ]
    more = len(pairs) - _MOST_PAIRS
    head = [
        tag("th", f"by {measure}", scope="col"),
        tag("th", "against", scope="col"),
        tag("th", "P (95 % interval)", scope="col", class_="num"),
        tag("th", "Welch's t-test", scope="col", class_="num") if tested else None,
    ]
    return joined(
        tag("div", tag("table", tag("thead", tag("tr", head)), tag("tbody", rows)), class_="scroll"),
        tag("p", f"{more} more pairs are in the table of comparisons beside this page.", class_="caption")
        if more > 0
        else None,
    )


def _percent(pair: Pair) -> str:
    interval = f" ({100 * pair.interval[0]:.0f} to {100 * pair.interval[1]:.0f})" if pair.interval else ""
    return f"{100 * pair.probability:.0f} %{interval}"


def _welch(pair: Pair) -> str:
    if pair.welch is None:
        return "–"
    p = "p < 0.001" if pair.welch.p < 0.001 else f"p = {pair.welch.p:.3f}"
    return f"t = {pair.welch.t:.2f}, {p}"


def overall_section(tasks: Sequence[TaskOfRuns]) -> Markup | None:
    """Return success over all tasks together, of the variants that learned every task; None where fewer than two did."""
    means = findings.overall(tasks)
    if len(means) < 2:
        return None
    rows = [
        tag("tr", tag("th", named(mean.number, mean.label), scope="row"), score_cells(mean, SUCCESS, (0.0, 100.0)))
        for mean in means
    ]
    head = [tag("th", "variant", scope="col"), tag("th", "success, %", scope="col", colspan="2")]
    return joined(
        tag("h2", "All tasks"),
        tag(
            "p",
            "Success is on the same scale for every task, so it may be averaged over them; returns may not.",
            class_="soft",
        ),
        tag("div", tag("table", tag("thead", tag("tr", head)), tag("tbody", rows)), class_="scroll"),
        _pairs_table(findings.overall_pairs(tasks), SUCCESS),
        tag("p", "Interquartile mean over the runs of all tasks; P is of a task chosen at random.", class_="caption"),
    )


_METHOD = (
    (
        "Variants",
        "Runs with the same settings apart from the seed. Settings that do not change what is learned do not count.",
    ),
    (
        "Scores",
        "From the best source that every finished run of a task has: rl_trainer evaluate, else the last evaluation during the "
        "training, else the last training episodes.",
    ),
    (
        "Interquartile mean",
        "The mean of the middle half of all scores: a quarter, rounded down, is left out at each end. Agarwal et al., “Deep "
        "Reinforcement Learning at the Edge of the Statistical Precipice”, 2021.",
    ),
    (
        "Probability of improvement",
        "The share of pairs of runs in which the first has the higher score; equal scores count half. The same source.",
    ),
    (
        "95 % intervals",
        "Stratified bootstrap with 2000 samples: runs are sampled with replacement within each task. The same source. With "
        "fewer than about five seeds the intervals are too narrow.",
    ),
    ("Welch's t-test", "Welch, Biometrika 1947; two-sided."),
)


def method_section() -> Markup:
    """Return how the figures are made, with their sources."""
    return joined(tag("h2", "Method"), tag("dl", [(tag("dt", name), tag("dd", words)) for name, words in _METHOD]))
