"""The learning curves of a report: a band over the seeds of each variant."""

from __future__ import annotations

from collections.abc import Callable

from rl_trainer_ros.report.bands import Array, band
from rl_trainer_ros.report.found_runs import FoundRun
from rl_trainer_ros.report.page.charts import Line, line_chart
from rl_trainer_ros.report.page.markup import Markup, joined, tag
from rl_trainer_ros.report.variants import TaskOfRuns
from rl_trainer_ros.training.curves.episodes import smoothed

_PANELS = (
    ("success", "Success, %", 100.0, 0.0, 100.0),
    ("returns", "Return", 1.0, None, None),
    ("distance", "Final distance, m", 1.0, 0.0, None),
)
"""Field of the episodes, name, scale, ends of the axis."""

Read = Callable[[FoundRun, str], tuple[Array, Array]]


def in_training(window: int) -> Read:
    """Return how the training episodes of a run are read: means of so many."""

    def read(run: FoundRun, field: str) -> tuple[Array, Array]:
        return run.episodes.steps, smoothed(getattr(run.episodes, field), window)

    return read


def in_evaluations(run: FoundRun, field: str) -> tuple[Array, Array]:
    """Return the steps `(n,)` of the evaluations during the training of a run, and their `field`, `(n,)`."""
    return run.evaluations.steps, getattr(run.evaluations, field)


def curves_section(task: TaskOfRuns, title: str, read: Read, caption: str) -> Markup | None:
    """Return a panel for each measure; None where no run has a point."""
    panels = []
    for field, name, scale, least, most in _PANELS:
        lines = []
        for variant in task.variants:
            curves = [(steps, scale * values) for steps, values in (read(run, field) for run in variant.runs)]
            if (found := band(curves)) is not None:
                lines.append(Line(variant.label, variant.number, found))
        if lines:
            chart = line_chart(lines, f"{task.task}: {name}", least, most)
            panels.append(tag("div", tag("p", name, class_="name"), chart, class_="panel"))
    if not panels:
        return None
    return joined(tag("h3", title), tag("figure", tag("div", panels, class_="panels"), tag("figcaption", caption)))
