"""The sections of a report about its sources: matrices, films, settings, runs and their problems."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rl_trainer_ros.evaluation.matrix import RETURN, SUCCESS
from rl_trainer_ros.evaluation.matrix_picture import shares
from rl_trainer_ros.report import settings
from rl_trainer_ros.report.attachments import Film, FoundMatrix, data_address
from rl_trainer_ros.report.found_runs import DamagedRun, FoundRun
from rl_trainer_ros.report.page.charts import shown_number
from rl_trainer_ros.report.page.markup import Markup, joined, link, tag
from rl_trainer_ros.report.page.score_cells import named
from rl_trainer_ros.report.variants import TaskOfRuns

_MOST_DURING = 6
_HEAT = 0.55  # of the colour behind the best cell: text on it stays readable in light and dark


def matrices_section(matrices: Sequence[FoundMatrix], during: Sequence[FoundMatrix]) -> Markup | None:
    """Return the cross-evaluations that were found."""
    if not matrices and not during:
        return None
    parts: list[Markup | None] = [
        tag("h2", "Cross-evaluation"),
        tag(
            "p",
            "Each row is a model, each column a task on which it was evaluated. The stronger the colour of a cell, the better: "
            "success from 0 to 100 %, return from the worst to the best of its column.",
            class_="soft",
        ),
    ]
    for found in matrices:
        parts += [tag("h3", found.name), _matrix(found), _kept(found)]
    if during:
        tables = [joined(tag("h3", found.name), _matrix(found)) for found in during[:_MOST_DURING]]
        more = len(during) - _MOST_DURING
        note = f"{more} more are in the run folders." if more > 0 else None
        title = "During trainings: rows are moments of one run"
        parts.append(tag("details", tag("summary", title), tables, tag("p", note, class_="caption") if note else None))
    return joined(parts)


def _matrix(found: FoundMatrix) -> Markup:
    matrix = found.matrix
    models, tasks = matrix.names
    parts = []
    for name, title, scale, digits in ((SUCCESS, "success, %", 100.0, 0), (RETURN, "return", 1.0, None)):
        values = matrix.values(name)
        share = shares(values, name)
        rows = []
        for i, model in enumerate(models):
            cells = [tag("th", model, scope="row")]
            for j in range(len(tasks)):
                low, high = (matrix.cell(i, j)[f"{name}_{end}"] for end in ("low", "high"))
                cells.append(_heat(scale * values[i, j], scale * low, scale * high, float(share[i, j]), digits))
            rows.append(tag("tr", cells))
        head = [tag("th", title, scope="col"), *[tag("th", task, scope="col", class_="centre") for task in tasks]]
        parts.append(tag("div", tag("table", tag("thead", tag("tr", head)), tag("tbody", rows)), class_="scroll"))
    for reason, empty in matrix.reasons().items():
        parts.append(
            tag("p", f"Empty: {', '.join(empty[:4])}{' and others' if empty[4:] else ''}: {reason}", class_="caption")
        )
    return joined(parts)


def _heat(value: float, low: float, high: float, share: float, digits: int | None) -> Markup:
    if not math.isfinite(value):
        return tag("td", "–", class_="heat none", style="--share:0")
    text, *ends = (shown_number(one) if digits is None else f"{one:.{digits}f}" for one in (value, low, high))
    interval = tag("span", f"{ends[0]} to {ends[1]}", class_="small") if math.isfinite(low) else None
    share = _HEAT * float(np.clip(share, 0.0, 1.0))
    return tag("td", text, interval, class_="heat", style=f"--share:{share:.2f}")


def _kept(found: FoundMatrix) -> Markup | None:
    names = list(dict.fromkeys(row.get("figure", "") for row in found.kept))
    if not names:
        return None
    rows = []
    for name in names:
        of = {row.get("of"): row for row in found.kept if row.get("figure") == name}
        values = [
            _number((of.get(measure) or {}).get("value"), scale) for measure, scale in ((SUCCESS, 100.0), (RETURN, 1.0))
        ]
        source = next((row.get("source", "") for row in of.values()), "")
        rows.append(
            tag(
                "tr", tag("th", name, scope="row"), *(tag("td", one, class_="num") for one in values), tag("td", source)
            )
        )
    head = [tag("th", "after the last task", scope="col")]
    head += [tag("th", one, scope="col", class_="num") for one in ("success, %", "return")] + [
        tag("th", "source", scope="col")
    ]
    return tag("div", tag("table", tag("thead", tag("tr", head)), tag("tbody", rows)), class_="scroll")


def _number(text: str | None, scale: float) -> str:
    try:
        return shown_number(scale * float(text or "nan"))
    except ValueError:
        return "–"


def films_section(films: Sequence[Film], tasks: Sequence[TaskOfRuns], file: Path) -> Markup | None:
    """Return films: small ones in the page, others as links."""
    if not films:
        return None
    label = {run.name: f"{task.task}: {one.label}" for task in tasks for one in task.variants for run in one.runs}
    shown, links = [], []
    for film in films:
        name = f"{label.get(film.run.name, '')}, seed {film.run.settings.get(settings.SEED, '')}, {int(film.file.stem):,} steps"
        if film.gif is None:
            links.append(tag("li", tag("a", name, href=link(relative(film.file, file)))))
        else:
            picture = tag("img", src=data_address(film.gif), alt=f"Film of an episode. {name}")
            shown.append(tag("figure", picture, tag("figcaption", name)))
    return joined(
        tag("h2", "Films"),
        tag("p", "The first episode of the last evaluation, of one run per variant.", class_="soft"),
        tag("div", shown, class_="films") if shown else None,
        tag("ul", links, class_="problems") if links else None,
    )


def settings_section(tasks: Sequence[TaskOfRuns], differ: Sequence[str]) -> Markup | None:
    """Return the settings that differ between variants, and those that all runs share."""
    runs = [run.settings for task in tasks for variant in task.variants for run in variant.runs]
    if not runs:
        return None
    parts = [tag("h2", "Settings")]
    if differ:
        variants = {one.number: one for task in tasks for one in task.variants}
        rows = []
        for number in sorted(variants):
            one = variants[number]
            values = [tag("td", value) if value else tag("td", settings.DEFAULT, class_="none") for value in one.values]
            rows.append(tag("tr", tag("th", named(number, one.label), scope="row"), values))
        head = [tag("th", "variant", scope="col"), *[tag("th", name, scope="col") for name in differ]]
        parts += [
            tag("div", tag("table", tag("thead", tag("tr", head)), tag("tbody", rows)), class_="scroll"),
            tag("p", "Settings that differ between the variants.", class_="caption"),
        ]
    else:
        parts.append(tag("p", "The runs differ in task and seed only."))
    shared = settings.common(runs)
    rest = [(tag("dt", name), tag("dd", value)) for name, value in sorted(shared.items())]
    parts.append(tag("details", tag("summary", f"{len(shared)} settings that all runs share"), tag("dl", rest)))
    return joined(parts)


def runs_section(tasks: Sequence[TaskOfRuns], differ: Sequence[str], file: Path) -> Markup | None:
    """Return every run with its score and a link to its folder."""
    rows = [
        _run_row(task.task, variant.label, variant.number, run, score, file)
        for task in tasks
        for variant, run, score in task.runs()
    ]
    if not rows:
        return None
    names = ("task", "variant", "seed", "ended", "steps", "time", "success", "return", "folder")
    numbers = ("seed", "steps", "time", "success", "return")
    head = [tag("th", name, scope="col", class_="num" if name in numbers else None) for name in names]
    table = tag("div", tag("table", tag("thead", tag("tr", head)), tag("tbody", rows)), class_="scroll")
    return joined(tag("h2", "All runs"), tag("details", tag("summary", f"{len(rows)} runs"), table, open="open"))


def _run_row(task: str, label: str, number: int, run: FoundRun, score: Mapping[str, float], file: Path) -> Markup:
    success, total = score.get("success", math.nan), score.get("return", math.nan)
    kind = run.ended if run.ended in ("finished", "stopped", "failed", "unfinished") else ""
    return tag(
        "tr",
        tag("td", task),
        tag("td", named(number, label)),
        tag("td", run.settings.get(settings.SEED, ""), class_="num"),
        tag("td", tag("span", run.ended, class_=f"badge {kind}")),
        tag("td", f"{run.steps:,}", class_="num"),
        tag("td", _duration(run.training_s), class_="num"),
        tag("td", f"{100 * success:.0f} %" if math.isfinite(success) else "–", class_="num"),
        tag("td", shown_number(total), class_="num"),
        tag("td", tag("a", run.name, href=link(f"{relative(run.folder, file)}/"), class_="small")),
    )


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def problems_section(runs: Sequence[FoundRun | DamagedRun], problems: Sequence[str]) -> Markup | None:
    """Return a line for each run or file that is damaged, unfinished or not evaluated."""
    lines = [tag("li", tag("strong", run.name), ": ", run.problem) for run in runs] + [
        tag("li", one) for one in problems
    ]
    if not lines:
        return None
    note = "Curves show these runs as far as they went; scores and comparisons leave them out."
    return joined(tag("h2", "Not compared"), tag("p", note, class_="soft"), tag("ul", lines, class_="problems"))


def relative(path: Path, file: Path) -> str:
    """Return a path relative to the folder of the page."""
    return os.path.relpath(path.absolute(), file.absolute().parent)
