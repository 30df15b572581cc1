"""Pictures of a training: how the losses fall, and what the decoder draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ENLARGE = 3
_LABEL = 20  # px, the height of a row's name


def save_losses(path: Path, training: Sequence[float], validation: Sequence[float]) -> None:
    """Draw both losses over epochs, on a logarithmic scale."""
    from matplotlib.figure import Figure  # half a second to import, and needs no display this way

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss", yscale="log")
    epochs = range(1, len(training) + 1)
    axes.plot(epochs, training, marker=".", label="training")
    axes.plot(epochs, validation, marker=".", label="validation")
    axes.legend()
    figure.savefig(path, dpi=100)


def save_reconstructions(path: Path, images: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> None:
    """Put `images` (n, height, width, 3) side by side, and below each the image that the decoder draws from its state."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default()
    rows = []
    for name, row in (("camera images", images), ("reconstructions", drawn)):
        pixels = np.hstack(list(row)).repeat(_ENLARGE, axis=0).repeat(_ENLARGE, axis=1)
        label = Image.new("RGB", (pixels.shape[1], _LABEL), (235, 237, 240))
        ImageDraw.Draw(label).text((6, 4), name, fill=(40, 40, 40), font=font)
        rows += [np.asarray(label), pixels]
    Image.fromarray(np.vstack(rows)).save(path)
