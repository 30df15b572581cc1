"""Pictures of a training: losses, drawings, and the states of unseen images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srl_ros.training.batches import DataFacts, gathered
from srl_ros.training.evaluation import Batches, states_of, thinned
from srl_ros.training.learner import Learner
from srl_ros.training.metrics import Array, correlations, nearest
from srl_ros.transitions import TransitionSource

_ENLARGE = 3
_LABEL = 20  # px, the height of a row's name
_SHOWN = 2000  # states in a scatter plot
_QUERIES, _NEIGHBOURS = 6, 5


def save_all(
    folder: Path,
    learner: Learner,
    batches: Batches,
    source: TransitionSource,
    rows: NDArray[np.int64],
    facts: DataFacts,
) -> None:
    """Draw the states of `rows`: states.png, neighbours.png and, with a ground truth, correlations.png."""
    rows = thinned(rows, _SHOWN)
    states = states_of(learner, batches, rows)
    known = gathered(source, rows, ("ground_truth", "reward"))
    truth = known.get("ground_truth", np.zeros((len(rows), 0)))
    colours = {"reward": known["reward"]} if "reward" in known else {}
    save_states(folder / "states.png", states, colours | dict(zip(source.truth_names, truth.T)))
    if len(rows) > _NEIGHBOURS:
        queries = np.linspace(0, len(rows) - 1, _QUERIES).astype(np.int64)
        shown = np.column_stack([queries, nearest(states, _NEIGHBOURS)[queries]])
        images = source.gather(rows[shown.ravel()]).images[:, 0].reshape(*shown.shape, *source.image_shape)
        save_neighbours(folder / "neighbours.png", images)
    if truth.shape[1]:
        save_correlations(folder / "correlations.png", correlations(states, truth), source.truth_names)


def save_losses(path: Path, training: Sequence[float], validation: Sequence[float]) -> None:
    """Draw both losses over epochs, on a logarithmic scale where they are positive."""
    scale = "log" if min(*training, *validation) > 0.0 else "linear"
    figure = _figure(6, 4)
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss", yscale=scale)
    epochs = range(1, len(training) + 1)
    axes.plot(epochs, training, marker=".", label="training")
    axes.plot(epochs, validation, marker=".", label="validation")
    axes.legend()
    figure.savefig(path, dpi=100)


def save_reconstructions(
    path: Path, images: NDArray[np.uint8], drawn: NDArray[np.uint8], cameras: tuple[str, ...]
) -> None:
    """Put `images` (n, cameras, height, width, 3) side by side, and below each its reconstruction by the decoder."""
    rows = []
    for i, camera in enumerate(cameras):
        rows += [_row(f"{camera}: camera images", images[:, i]), _row(f"{camera}: reconstructions", drawn[:, i])]
    _save(path, rows)


def save_neighbours(path: Path, images: NDArray[np.uint8]) -> None:
    """Each row of `images` (rows, n, height, width, 3): an image, and those whose states are nearest to its own."""
    label = "left: an image; then the images whose states are nearest"
    _save(path, [_row(label if i == 0 else "", row) for i, row in enumerate(images)])


def save_states(path: Path, states: Array, colours: dict[str, NDArray[Any]]) -> None:
    """Plot the first two principal components of `states` (n, d), once for each colour (n,)."""
    centred = states - states.mean(axis=0)
    _, _, axes_of_states = np.linalg.svd(centred, full_matrices=False)
    plane = centred @ axes_of_states[:2].T
    plane = np.column_stack([plane, np.zeros((len(plane), 2 - plane.shape[1]))])
    from matplotlib.figure import Figure

    names = list(colours) or ["states"]
    across = min(4, len(names))
    down = -(-len(names) // across)
    figure = Figure(figsize=(3 * across, 3 * down))  # no ticks, no automatic layout: they take seconds
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.94, wspace=0.03, hspace=0.12)
    for i, name in enumerate(names):
        values = colours.get(name)
        about = "" if values is None else f": {values.min():.3g} (dark) to {values.max():.3g}"
        axes = figure.add_subplot(down, across, i + 1, xticks=[], yticks=[])
        axes.set_title(name + about, fontsize=9)
        axes.scatter(plane[:, 0], plane[:, 1], c=values, s=5, cmap="viridis", linewidths=0)
    figure.savefig(path, dpi=100)


def save_correlations(path: Path, values: Array, names: tuple[str, ...]) -> None:
    """Show the correlation of each dimension of the state with each name of the ground truth."""
    figure = _figure(max(5.0, min(14.0, 0.25 * len(values))), 1.5 + 0.4 * len(names))
    axes = figure.add_subplot(xlabel="dimension of the state")
    image = axes.imshow(values.T, vmin=-1.0, vmax=1.0, cmap="coolwarm", aspect="auto")
    axes.set_yticks(range(len(names)), names)
    figure.colorbar(image, ax=axes, label="correlation")
    figure.savefig(path, dpi=100)


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure  # half a second to import, and needs no display this way

    return Figure(figsize=(width, height), layout="constrained")


def _row(name: str, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images side by side, enlarged, under a name."""
    from PIL import Image, ImageDraw, ImageFont

    pixels = np.hstack(list(images)).repeat(_ENLARGE, axis=0).repeat(_ENLARGE, axis=1)
    if not name:
        return pixels
    label = Image.new("RGB", (pixels.shape[1], _LABEL), (235, 237, 240))
    ImageDraw.Draw(label).text((6, 4), name, fill=(40, 40, 40), font=ImageFont.load_default())
    return np.vstack([np.asarray(label), pixels])


def _save(path: Path, rows: list[NDArray[np.uint8]]) -> None:
    from PIL import Image

    Image.fromarray(np.vstack(rows)).save(path)
