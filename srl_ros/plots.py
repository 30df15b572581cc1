"""Pictures of a training: how the losses fall, and what the decoder draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ENLARGE = 3


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
    """Put `images` (n, height, width, 3) side by side, and below each what was drawn from its state."""
    from PIL import Image

    picture = np.vstack([np.hstack(list(images)), np.hstack(list(drawn))])
    Image.fromarray(picture.repeat(_ENLARGE, axis=0).repeat(_ENLARGE, axis=1)).save(path)
