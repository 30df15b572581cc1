"""Curves of a training as small SVG pictures. Pure.

They are HTML and not viser's plots: a plot is sent with all of its points and drawn on a canvas at each change, which costs the
browser beside a training more than these few hundred points.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

PARTS = {"whole training": 1.0, "last half": 0.5, "last quarter": 0.25, "last tenth": 0.1}
"""Part of the curves that can be shown -> its share of the steps."""
_MOST_POINTS = 300
_WIDTH, _HEIGHT = 300.0, 70.0


def curve(title: str, colour: str, steps: Sequence[float], values: Sequence[float], part: float = 1.0) -> str:
    """Return a curve with its newest value and its range; empty for less than two points. Not finite values are left out.

    `part`: share of the steps that is shown, the newest ones; the two newest points are always shown.
    """
    points = [(x, y) for x, y in zip(steps, values) if math.isfinite(x) and math.isfinite(y)]
    if len(points) < 2:
        return ""
    begin = points[-1][0] - part * (points[-1][0] - points[0][0])
    points = [point for point in points[:-2] if point[0] >= begin] + points[-2:]
    (first, _), (last, newest) = points[0], points[-1]
    low, high = min(y for _, y in points), max(y for _, y in points)
    stride = -(-len(points) // _MOST_POINTS)
    thin = [*points[:-1:stride], points[-1]]
    across, up = max(last - first, 1e-9), max(high - low, 1e-9)
    line = " ".join(f"{_WIDTH * (x - first) / across:.1f},{_HEIGHT * (1.0 - (y - low) / up):.1f}" for x, y in thin)
    row = "display:flex;justify-content:space-between"
    return (
        f"<div style='padding:.3em .8em;font-size:.85em'><div style='{row}'><b>{html.escape(title)}</b>"
        f"<span>{newest:.4g}</span></div>"
        f"<svg viewBox='0 -2 {_WIDTH:g} {_HEIGHT + 4:g}' preserveAspectRatio='none' "
        "style='width:100%;height:74px;display:block;background:rgba(127,127,127,.08)'>"
        f"<polyline points='{line}' fill='none' stroke='{colour}' stroke-width='2' vector-effect='non-scaling-stroke'/></svg>"
        f"<div style='{row};opacity:.7'><span>{low:.4g} to {high:.4g}</span>"
        f"<span>{first:,.0f} to {last:,.0f} steps</span></div></div>"
    )
