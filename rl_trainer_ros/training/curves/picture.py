"""Plot learning curves: return, success and final distance over steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rl_trainer_ros.training.curves.episodes import Array, Episodes, Evaluations, smoothed
from robot_interface_ros.files.atomic_file import replacing

POINTS = 2000  # largest number of points of a curve; more would not be visible
_COLOURS = (
    "#2166ac",
    "#d6604d",
    "#1b9e77",
    "#8e6bb0",
    "#b8860b",
    "#5f6b73",
    "#c2548b",
    "#4aa5c4",
)  # distinguishable in grey too
_PANELS = (("return", "returns", 1.0), ("success (%)", "success", 100.0), ("final distance (m)", "distance", 1.0))


@dataclass(frozen=True)
class Curve:
    """Data of one run for the plot."""

    episodes: Episodes
    evaluations: Evaluations


def save_picture(curves: Mapping[str, Curve], file: Path, window: int, title: str = "") -> None:
    """Plot curves, by name, into `file` (.png, .svg, .pdf). The file is replaced atomically."""
    figure = draw(curves, window, title)
    with replacing(file) as temporary:
        figure.savefig(temporary, dpi=110)


def draw(curves: Mapping[str, Curve], window: int, title: str = "") -> Any:
    """Return a matplotlib figure with panels for return, success and distance; `window`: number of episodes to average.

    It opens no window and does not change matplotlib's global state, so it may be called next to other plotting code.
    """
    from matplotlib.figure import Figure  # takes half a second to import

    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    axes = figure.subplots(1, len(_PANELS))
    for panel, (label, field, scale) in zip(axes, _PANELS):
        for i, curve in enumerate(curves.values()):
            _draw_one(panel, curve, field, scale, _COLOURS[i % len(_COLOURS)], window, alone=len(curves) == 1)
        _dress(panel, label)
        if field == "success":
            panel.set_ylim(-3.0, 103.0)
        elif field == "distance":
            panel.set_ylim(bottom=0.0)
    if title:
        figure.suptitle(title, x=0.008, ha="left", fontsize=11)
    _legend(figure, axes[0], curves, window)
    return figure


def _draw_one(panel: Any, curve: Curve, field: str, scale: float, colour: str, window: int, alone: bool) -> None:
    episodes, evaluations = curve.episodes, curve.evaluations
    values = scale * getattr(episodes, field)
    if alone and field != "success":  # single successes are only 0 or 100
        steps, raw = _thinned(episodes.steps, values)
        panel.plot(steps, raw, ".", color=colour, alpha=0.16, markersize=3, markeredgewidth=0)
    steps, mean = _thinned(episodes.steps, smoothed(values, window))
    panel.plot(steps, mean, "-", color=colour, linewidth=1.8)
    if len(evaluations.steps):
        at, interval = scale * getattr(evaluations, field), scale * getattr(evaluations, f"{field}_interval")
        error = np.maximum(np.abs(interval.T - at), 0.0)
        panel.errorbar(
            evaluations.steps, at, error, fmt="o", color=colour, markersize=4, markerfacecolor="white", linewidth=1.0
        )


def _dress(panel: Any, label: str) -> None:
    from matplotlib.ticker import EngFormatter

    panel.set_title(label, loc="left", fontsize=10)
    panel.set_xlabel("steps", fontsize=9)
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.tick_params(labelsize=8, length=3)
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _legend(figure: Any, panel: Any, curves: Mapping[str, Curve], window: int) -> None:
    from matplotlib.lines import Line2D

    handles, labels = [], []
    for i, name in enumerate(curves):
        handles.append(Line2D([], [], color=_COLOURS[i % len(_COLOURS)], linewidth=1.8))
        labels.append(f"{name} (mean of {window} episodes)" if len(curves) == 1 else name)
    if any(len(curve.evaluations.steps) for curve in curves.values()):
        handles.append(
            Line2D([], [], color="#555555", marker="o", markerfacecolor="white", markersize=4, linewidth=1.0)
        )
        labels.append("evaluation, 95 % interval")
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), fontsize=8, frameon=False)


def _thinned(steps: Array, values: Array) -> tuple[Array, Array]:
    """Return evenly spaced points, including the last one."""
    if len(steps) <= POINTS:
        return steps, values
    chosen = np.linspace(0, len(steps) - 1, POINTS).round().astype(int)
    return steps[chosen], values[chosen]
