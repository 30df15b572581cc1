"""Training: a dataset and a configuration in, a saved encoder with its figures out."""

from __future__ import annotations

import copy
import csv
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srl_ros.config import TrainingConfig
from srl_ros.dataset import Dataset, DatasetError
from srl_ros.encoder import Encoder
from srl_ros.methods import METHODS, Method
from srl_ros.metrics import gtc, knn_mse, linear_r2
from srl_ros.models import check_image_size
from srl_ros.plots import save_losses, save_reconstructions
from srl_ros.threads import torch_threads

MIN_IMAGES = 20
_BLOCKS = 50  # stretches of neighbouring images of which whole ones are held out
_EVALUATION_BATCH = 256
_METRIC_IMAGES = 4000  # of either part; more change the third digit
_WARM_UP = 0.1  # share of the steps


class TrainingError(RuntimeError):
    """A training that came to nothing; one line says why and what to do."""


def train(
    dataset: Dataset, config: TrainingConfig, folder: str | Path, report: Callable[[str], None] = print
) -> Encoder:
    """Train as `config` says and save in `folder`: the encoder, progress.csv, loss.png and reconstructions.png.

    The weights of the best validation loss are kept. The same dataset, configuration and machine give the same weights,
    bit for bit; torch's own generator and thread count are left as they were. `report` gets a line per epoch and the
    figures at the end. Raises DatasetError for images that cannot be used, TrainingError for a loss that is not finite.
    """
    if len(dataset) < MIN_IMAGES:
        raise DatasetError(f"{len(dataset)} images are too few to learn from; record at least {MIN_IMAGES}")
    try:
        check_image_size(*dataset.images.shape[1:3])
    except ValueError as error:
        raise DatasetError(str(error)) from None
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(config.seed)
    training, validation = split(dataset, config.validation_share, generator)
    with torch.random.fork_rng(devices=[]), torch_threads(config.torch_threads):
        torch.manual_seed(config.seed)
        method = METHODS[config.method](config, training)
        if method.trains:
            _optimise(method, config, training, validation, generator, folder, report)
        method.network.standardise_on(_in_batches(method.network.raw, training))
        metrics = evaluate(method, training, validation)
    encoder = Encoder(
        method.network, (*dataset.images.shape[1:3], 3), config.method, _plain(dataclasses.asdict(config)), metrics
    )
    encoder.save(folder)
    report(describe(metrics))
    return encoder


def split(dataset: Dataset, share: float, generator: np.random.Generator) -> tuple[Dataset, Dataset]:
    """Part a dataset into training and validation.

    Whole stretches of neighbouring images are held out: neighbours are nearly alike, and an image whose neighbours were
    trained on says little of unseen ones.
    """
    blocks = np.array_split(np.arange(len(dataset)), min(_BLOCKS, len(dataset)))
    held_out = min(max(1, round(share * len(blocks))), len(blocks) - 1)
    order = generator.permutation(len(blocks))
    parts = [np.sort(np.concatenate([blocks[k] for k in chosen])) for chosen in (order[held_out:], order[:held_out])]
    first, second = (Dataset(dataset.images[rows], dataset.ground_truth[rows], dataset.names) for rows in parts)
    return first, second


def evaluate(method: Method, training: Dataset, validation: Dataset) -> dict[str, Any]:
    """What the states of unseen images know of the ground truth; see `srl_ros.metrics`."""
    training, validation = _thinned(training), _thinned(validation)
    fitted, states = (_in_batches(method.network, part).double().numpy() for part in (training, validation))
    neighbours = min(5, len(states) - 1)
    correlations = gtc(states, validation.ground_truth)
    explained = linear_r2(fitted, training.ground_truth, states, validation.ground_truth)
    return {
        "validation_images": len(states),
        "knn_mse": knn_mse(states, validation.ground_truth, neighbours),
        "gtc": dict(zip(validation.names, correlations.tolist())),
        "gtc_mean": float(correlations.mean()) if len(correlations) else 0.0,
        "linear_r2": dict(zip(validation.names, explained.tolist())),
    }


def describe(metrics: dict[str, Any]) -> str:
    """The figures of `evaluate` in one line."""

    def values(named: dict[str, float]) -> str:
        return " ".join(f"{name} {value:.2f}" for name, value in named.items())

    return (
        f"on {metrics['validation_images']:,} unseen images: GTC {values(metrics['gtc'])} (mean {metrics['gtc_mean']:.2f}); "
        f"linear R2 {values(metrics['linear_r2'])}; KNN-MSE {metrics['knn_mse']:.4g}"
    )


def _optimise(
    method: Method,
    config: TrainingConfig,
    training: Dataset,
    validation: Dataset,
    generator: np.random.Generator,
    folder: Path,
    report: Callable[[str], None],
) -> None:
    """Train the method's parameters; at the end they are those of the best epoch."""
    optimiser = torch.optim.Adam(method.parameters(), lr=config.learning_rate)
    steps = -(-len(training) // config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, config.epochs * steps))
    best, kept = math.inf, copy.deepcopy(method.state_dict())
    losses: list[tuple[float, float]] = []
    begin = time.monotonic()
    with (folder / "progress.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "training_loss", "validation_loss", "elapsed_s"])
        for epoch in range(1, config.epochs + 1):
            total = 0.0
            order = generator.permutation(len(training))
            for start in range(0, len(training), config.batch_size):
                rows = order[start : start + config.batch_size]
                loss = method.loss(*_tensors(training, rows))
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                total += loss.item() * len(rows)
            losses.append((total / len(training), _mean_loss(method, validation)))
            if not all(map(math.isfinite, losses[-1])):
                raise TrainingError(
                    f"the loss is not finite in epoch {epoch}; lower learning_rate (it is {config.learning_rate:g})"
                )
            if losses[-1][1] < best:
                best, kept = losses[-1][1], copy.deepcopy(method.state_dict())
            elapsed = time.monotonic() - begin
            writer.writerow([epoch, *losses[-1], f"{elapsed:.1f}"])
            file.flush()
            _draw(method, validation, losses, folder)
            report(
                f"epoch {epoch} of {config.epochs}: loss {losses[-1][0]:.4f}, validation {losses[-1][1]:.4f}, "
                f"{elapsed / epoch * (config.epochs - epoch):.0f} s left"
            )
    method.load_state_dict(kept)


def _rate(step: int, steps: int) -> float:
    """Share of the highest learning rate: a linear warm-up, and a cosine to 0 (Loshchilov and Hutter 2017, SGDR)."""
    return min(1.0, (step + 1) / (_WARM_UP * steps)) * 0.5 * (1.0 + math.cos(math.pi * step / steps))


def _tensors(dataset: Dataset, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(dataset.images[rows]), torch.from_numpy(dataset.ground_truth[rows]).float()


def _batches(dataset: Dataset) -> list[NDArray[np.int64]]:
    return np.array_split(np.arange(len(dataset)), -(-len(dataset) // _EVALUATION_BATCH))


@torch.no_grad()
def _mean_loss(method: Method, dataset: Dataset) -> float:
    """The loss over all of `dataset`."""
    total = sum(method.loss(*_tensors(dataset, rows)).item() * len(rows) for rows in _batches(dataset))
    return total / len(dataset)


@torch.no_grad()
def _in_batches(function: Callable[[Tensor], Tensor], dataset: Dataset) -> Tensor:
    """`function` of all images."""
    return torch.cat([function(_tensors(dataset, rows)[0]) for rows in _batches(dataset)])


@torch.no_grad()
def _draw(method: Method, validation: Dataset, losses: list[tuple[float, float]], folder: Path) -> None:
    """Show the training so far in pictures."""
    save_losses(folder / "loss.png", *zip(*losses))
    rows = np.linspace(0, len(validation) - 1, min(8, len(validation))).astype(np.int64)
    drawn = method.reconstruct(_tensors(validation, rows)[0])
    if drawn is not None:
        save_reconstructions(folder / "reconstructions.png", validation.images[rows], drawn.numpy())


def _thinned(dataset: Dataset) -> Dataset:
    """At most 4000 images, evenly spaced."""
    every = -(-len(dataset) // _METRIC_IMAGES)
    return Dataset(dataset.images[::every], dataset.ground_truth[::every], dataset.names)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Tuples as lists, as they are read again from JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
