"""A column of numbers beside each image of a film: the policy's distribution, action and value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from rl_trainer_ros.environments.rendering import Picture
from rl_trainer_ros.evaluation.film import font

_TEXT, _PAPER, _BAR = (30, 30, 30), (255, 255, 255), (190, 208, 250)


class Row(NamedTuple):
    """One number; `share`: length of its bar, 0 to 1, None for no bar. A row without text is a title."""

    name: str
    text: str = ""
    share: float | None = None


def beside(picture: Picture, rows: Sequence[Row]) -> Picture:
    """Return an image with the rows in a column of the same width to its right; rows that do not fit are left out."""
    height, width, _ = picture.shape
    column = Image.new("RGB", (width, height), _PAPER)
    drawing, letters = ImageDraw.Draw(column), font(max(10, width // 28))
    line = max(14, width // 20)
    for i, row in enumerate(rows[: (height - 4) // line]):
        top = 4 + i * line
        if row.share is not None:
            drawing.rectangle((6, top, 6 + (width - 14) * min(1.0, max(0.0, row.share)), top + line - 3), fill=_BAR)
        drawing.text((8, top), row.name, fill=_TEXT, font=letters)
        if row.text:
            _, _, right, _ = drawing.textbbox((0, 0), row.text, font=letters)
            drawing.text((width - 8 - right, top), row.text, fill=_TEXT, font=letters)
    return np.concatenate([picture, np.asarray(column)], axis=1)
