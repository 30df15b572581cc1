"""Cells of tables that show scores: an interval plot and its numbers."""

from __future__ import annotations

from collections.abc import Sequence

from rl_trainer_ros.report.findings import Mean
from rl_trainer_ros.report.page.charts import COLOURS, shown_number, strip
from rl_trainer_ros.report.page.markup import Markup, tag
from rl_trainer_ros.report.variants import SUCCESS


def score_cells(mean: Mean | None, measure: str, ends: tuple[float, float]) -> list[Markup]:
    """Return a plot of an interquartile mean with its interval and runs, and the numbers; `ends`: those of the plot's axis."""
    if mean is None:
        return [tag("td", "no score", class_="none", colspan="2")]
    scale = 100.0 if measure == SUCCESS else 1.0
    text = f"{100 * mean.value:.0f}" if measure == SUCCESS else shown_number(mean.value)
    interval = ""
    if mean.interval:
        numbers = [f"{100 * end:.0f}" if measure == SUCCESS else shown_number(end) for end in mean.interval]
        interval = f" ({numbers[0]} to {numbers[1]})"
    scaled = (scale * mean.interval[0], scale * mean.interval[1]) if mean.interval else None
    picture = strip(mean.number, scale * mean.value, scaled, [scale * one for one in mean.scores], *ends)
    return [tag("td", picture), tag("td", text, tag("span", interval, class_="small"), class_="number")]


def span(means: Sequence[Mean], measure: str) -> tuple[float, float]:
    """Return the ends of the axis on which the means of a measure are shown."""
    if measure == SUCCESS:
        return 0.0, 100.0
    ends = [value for mean in means for value in (*mean.scores, *(mean.interval or ()))]
    return min(ends), max(ends)


def named(number: int, label: str) -> Markup:
    """Return the colour and the label of a variant."""
    return tag("span", tag("span", class_=f"swatch c{number % COLOURS}"), tag("span", label), class_="variant")
