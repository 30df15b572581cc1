"""A picture of a dataset: a row for each episode and camera, a column for each moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from srl_ros.data.bag_dataset import BagDataset
from srl_ros.transitions import DatasetError

_TEXT, _PAPER = (30, 30, 30), (255, 255, 255)
_LINE, _GAP = 14, 3
_SMALLEST, _LARGEST = 64, 160


def save_contact_sheet(dataset: BagDataset, path: Path, rows: int = 8, columns: int = 8) -> None:
    """Write a PNG of `rows` episodes, evenly chosen, at `columns` moments. Raises DatasetError without images."""
    if not dataset.cameras:
        raise DatasetError("there are no images in this dataset, so there is no contact sheet of it")
    names = np.unique(dataset.episodes)
    chosen = names[np.unique(np.linspace(0, len(names) - 1, min(rows, len(names))).round().astype(int))]
    height, width = _shown_size(*dataset.image_shape[:2])
    cameras = len(dataset.cameras)
    sheet = Image.new(
        "RGB",
        (cameras * columns * (width + _GAP) + _GAP, len(chosen) * (height + _LINE + _GAP) + _GAP),
        _PAPER,
    )
    drawing = ImageDraw.Draw(sheet)
    reward = dataset.column("reward")
    for r, episode in enumerate(chosen):
        top = _GAP + r * (height + _LINE + _GAP)
        members = np.flatnonzero(dataset.episodes == episode)
        moments = members[np.linspace(0, len(members) - 1, columns).round().astype(int)]
        pictures = dataset.gather(moments).images
        total = "" if reward is None else f", return {reward[members].sum():.2f}"
        drawing.text(
            (_GAP, top), f"episode {episode}, {len(members)} steps{total}: {', '.join(dataset.cameras)}", fill=_TEXT
        )
        for c in range(cameras):
            for k in range(columns):
                left = _GAP + (c * columns + k) * (width + _GAP)
                sheet.paste(_shown(pictures[k, c], width, height), (left, top + _LINE))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, "PNG")


def _shown_size(height: int, width: int) -> tuple[int, int]:
    """Return the size at which images are shown: large enough to see details."""
    longest = max(height, width)
    scale = min(max(longest, _SMALLEST), _LARGEST) / longest
    return max(1, round(height * scale)), max(1, round(width * scale))


def _shown(image: NDArray[np.uint8], width: int, height: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image)).resize((width, height))
