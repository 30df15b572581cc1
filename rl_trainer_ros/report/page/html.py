"""The report as one HTML page: from the result to the details. It holds everything that it shows, and runs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rl_trainer_ros.report.attachments import Film, FoundMatrix
from rl_trainer_ros.report.found_runs import DamagedRun, FoundRun
from rl_trainer_ros.report.page import comparisons, details, results
from rl_trainer_ros.report.page.markup import Markup, joined, tag
from rl_trainer_ros.report.variants import TaskOfRuns

_STYLE = Path(__file__).with_name("style.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing is loaded and nothing is run, whatever the names in a page are."""


@dataclass(frozen=True)
class Report:
    """The content of a page."""

    title: str
    folder: Path
    file: Path
    """Where the page will lie: links are relative to it."""
    tasks: Sequence[TaskOfRuns]
    differ: Sequence[str]
    """Names of the settings in which variants differ."""
    left_out: Sequence[FoundRun | DamagedRun]
    """Runs of which nothing can be shown."""
    matrices: Sequence[FoundMatrix]
    during: Sequence[FoundMatrix]
    films: Sequence[Film]
    problems: Sequence[str]
    """Lines about other files that cannot be read."""
    window: int

    @property
    def runs(self) -> list[FoundRun]:
        """The runs that have episodes."""
        return [run for task in self.tasks for variant in task.variants for run in variant.runs]

    @property
    def not_compared(self) -> list[FoundRun | DamagedRun]:
        """Runs that are damaged or did not finish."""
        return [*[run for run in self.runs if run.problem], *self.left_out]


def html(report: Report, now: datetime) -> str:
    """Return the page. It is well-formed XML too."""
    sections = _sections(report)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", report.title),
        tag("style", Markup(_STYLE.read_text(encoding="utf-8"))),
    )
    links = [tag("a", name, href=f"#{anchor}") for anchor, name, _ in sections]
    header = tag(
        "header",
        tag("h1", report.title),
        tag("p", results.summary(report.tasks, report.runs, len(report.left_out)), class_="soft"),
        tag("nav", links, aria_label="Sections") if links else None,
    )
    footer = tag(
        "footer",
        f"Made on {now:%Y-%m-%d at %H:%M} by rl_trainer report. The tables beside this page, "
        f"{report.file.stem}_runs.csv, _variants.csv and _comparisons.csv, hold every number.",
    )
    main = tag("main", _notice(report), [tag("section", body, id=anchor) for anchor, _, body in sections])
    page = tag("html", head, tag("body", header, main, footer), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _sections(report: Report) -> list[tuple[str, str, Markup]]:
    """Return anchor, name and content of each section that is not empty, in reading order."""
    found = [
        ("results", "Results", results.cards(report.tasks)),
        *[(f"task-{i}", task.task, results.task_section(task, report.window)) for i, task in enumerate(report.tasks)],
        ("tasks", "All tasks", comparisons.overall_section(report.tasks)),
        ("matrices", "Cross-evaluation", details.matrices_section(report.matrices, report.during)),
        ("films", "Films", details.films_section(report.films, report.tasks, report.file)),
        ("settings", "Settings", details.settings_section(report.tasks, report.differ)),
        ("runs", "All runs", details.runs_section(report.tasks, report.differ, report.file)),
        ("left-out", "Not compared", details.problems_section(report.not_compared, report.problems)),
        ("method", "Method", comparisons.method_section() if report.tasks else None),
    ]
    return [(anchor, name, body) for anchor, name, body in found if body is not None]


def _notice(report: Report) -> Markup | None:
    n = len(report.not_compared) + len(report.problems)
    if not n:
        return None if report.tasks else tag("p", f"There are no runs in {report.folder}.", class_="notice")
    what = f"{n} {'run or file is' if n == 1 else 'runs and files are'} not compared: damaged, unfinished or not evaluated. "
    return tag("p", joined(what, tag("a", "Which, and why", href="#left-out")), class_="notice")
