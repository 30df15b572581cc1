"""Figures as SVG whose colours come from the page's style, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_trainer_ros.report.bands import Band
from rl_trainer_ros.report.page.markup import Markup, tag

COLOURS = 8
"""Colours of the style; further variants have the same ones dashed."""
_WIDTH, _HEIGHT = 360.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 12.0, 10.0, 26.0
_MOST_SINGLES, _MOST_DOTS = 12, 20
_STRIP_WIDTH, _STRIP_HEIGHT = 220.0, 26.0


@dataclass(frozen=True)
class Line:
    """A variant's curve."""

    label: str
    number: int
    band: Band


def line_chart(lines: Sequence[Line], title: str, least: float | None = None, most: float | None = None) -> Markup:
    """Return curves over steps: the mean as a line, from lowest to highest as a band, single runs as thin lines.

    `least`, `most`: ends of the vertical axis; None: those of the curves.
    """
    low = min(float(line.band.low.min()) for line in lines) if least is None else least
    high = max(float(line.band.high.max()) for line in lines) if most is None else most
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    if least is None:
        low -= 0.04 * (high - low)
    if most is None:
        high += 0.04 * (high - low)
    last = max(float(line.band.steps[-1]) for line in lines) or 1.0

    def at(steps: Any, values: Any) -> str:
        x = _LEFT + np.asarray(steps) / last * (_WIDTH - _LEFT - _RIGHT)
        y = _HEIGHT - _BOTTOM - (np.clip(values, low, high) - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist()))

    parts = [
        _horizontal(low, high),
        _vertical(last),
        [_band(line, at) for line in lines],
        [_curves(line, at) for line in lines],
    ]
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        class_="chart",
        role="img",
        aria_label=f"{title} over steps",
    )


def _band(line: Line, at: Any) -> Markup | None:
    if len(line.band.curves) < 2 or len(line.band.steps) < 2:
        return None
    band = line.band
    outline = f"{at(band.steps, band.high)} {at(band.steps[::-1], band.low[::-1])}"
    return tag("polygon", points=outline, class_=f"band c{line.number % COLOURS}")


def _curves(line: Line, at: Any) -> Markup:
    band = line.band
    kind = f"c{line.number % COLOURS}" + (" again" if line.number >= COLOURS else "")
    parts: list[Markup] = [
        tag("title", f"{line.label}: {shown_number(float(band.mean[-1]))} at {band.steps[-1]:,.0f} steps")
    ]
    if 1 < len(band.curves) <= _MOST_SINGLES:
        for single in band.curves:
            known = np.isfinite(single)
            parts.append(tag("polyline", points=at(band.steps[known], single[known]), class_="single"))
    if len(band.steps) > 1:
        parts.append(tag("polyline", points=at(band.steps, band.mean), class_="mean"))
    if len(band.steps) <= _MOST_DOTS:
        for place in at(band.steps, band.mean).split():
            x, y = place.split(",")
            parts.append(tag("circle", cx=x, cy=y, r=3.8, class_="dot"))
    return tag("g", *parts, class_=kind)


def _horizontal(low: float, high: float) -> list[Markup]:
    found = []
    for value in ticks(low, high, 5):
        y = _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        found.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"))
        found.append(tag("text", shown_number(value), x=_LEFT - 7, y=f"{y + 4:.1f}", class_="tick end"))
    return found


def _vertical(last: float) -> list[Markup]:
    found = [tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_HEIGHT - _BOTTOM, y2=_HEIGHT - _BOTTOM, class_="axis")]
    for value in ticks(0.0, last, 4):
        x = _LEFT + value / last * (_WIDTH - _LEFT - _RIGHT)
        found.append(tag("text", thousands(value), x=f"{x:.1f}", y=_HEIGHT - 8, class_="tick middle"))
    return found


def strip(
    number: int, value: float, interval: tuple[float, float] | None, single: Sequence[float], low: float, high: float
) -> Markup:
    """Return a row of an interval plot: each run as a small mark, the interval as a bar, the value as a dot."""
    margin = 8.0
    spread = high - low if high - low > 1e-12 else 1.0

    def at(x: float) -> float:
        return margin + (min(max(x, low), high) - low) / spread * (_STRIP_WIDTH - 2 * margin)

    middle = _STRIP_HEIGHT / 2
    parts = [tag("line", x1=margin, x2=_STRIP_WIDTH - margin, y1=middle, y2=middle, class_="grid")]
    for end in (low, high):
        parts.append(tag("line", x1=f"{at(end):.1f}", x2=f"{at(end):.1f}", y1=4, y2=_STRIP_HEIGHT - 4, class_="grid"))
    if interval is not None:
        x, width = at(interval[0]), max(at(interval[1]) - at(interval[0]), 1.0)
        parts.append(tag("rect", x=f"{x:.1f}", y=middle - 4, width=f"{width:.1f}", height=8, rx=3, class_="interval"))
    for one in single:
        parts.append(tag("line", x1=f"{at(one):.1f}", x2=f"{at(one):.1f}", y1=middle - 8, y2=middle + 8, class_="run"))
    if math.isfinite(value):
        parts.append(tag("circle", cx=f"{at(value):.1f}", cy=middle, r=4.5, class_="dot"))
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {_STRIP_WIDTH:g} {_STRIP_HEIGHT:g}",
        class_=f"strip c{number % COLOURS}",
        aria_hidden="true",
    )


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round values between two ends, about so many, at steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [(first + i) * step for i in range(2 * about + 2) if (first + i) * step <= high + 1e-9 * step]


def shown_number(value: float) -> str:
    """Return a number in three digits or so."""
    if not math.isfinite(value):
        return "–"
    if value == 0.0 or abs(value) >= 1e5 or abs(value) < 1e-3:
        return f"{value:.3g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    written = f"{value:,.{digits}f}"
    return (written.rstrip("0").rstrip(".") if "." in written else written).replace("-", "−")


def thousands(value: float) -> str:
    """Return a number of steps, such as 20k or 1.5M."""
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"
