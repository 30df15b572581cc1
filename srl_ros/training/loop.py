"""Gradient steps, epochs, and the files of a training."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robot_interface_ros.config import ConfigError
from srl_ros.config import TrainingConfig
from srl_ros.encoder import Encoder
from srl_ros.networks import StateNetwork, check_image_size
from srl_ros.networks.colours import lay_out
from srl_ros.objectives import Batch
from srl_ros.objectives.principal_components import PrincipalComponents
from srl_ros.threads import torch_threads
from srl_ros.training import resume, warm_start
from srl_ros.training.batches import DataFacts, facts_of, to_batch
from srl_ros.training.evaluation import describe, evaluate, thinned
from srl_ros.training.learner import Learner, check_source, learns_from_rewards, needs_of
from srl_ros.training.pictures import save_all, save_losses, save_reconstructions
from srl_ros.training.reward_labels import RewardLabels, labelled
from srl_ros.transitions import DatasetError, TransitionSource, split_by_episode

MIN_IMAGES = 20
_EVALUATION_BATCH = 256
SILENT_S = 10.0
"""Longest time without a line of progress."""
_WARM_UP = 0.1  # share of the steps
Rows = NDArray[np.int64]


class TrainingError(ValueError):
    """A training that failed; one line with cause and remedy."""


def train(
    source: TransitionSource,
    config: TrainingConfig,
    folder: str | Path,
    report: Callable[[str], None] = print,
    pictures: bool = True,
    start: Path | None = None,
) -> Encoder:
    """Train as `config` says and save in `folder`: the encoder, progress.csv and the pictures.

    The weights of the best validation loss are kept. The same data, configuration and machine give the same weights, bit for
    bit, also when the training was killed and is called again; torch's own generator and thread count are left as they
    were. `report` gets a line per epoch and the figures at the end. `pictures`: False saves a few seconds. `start`: folder of
    an encoder whose training continues; states keep their scale (see `warm_start`). Raises
    DatasetError for data that cannot be used, TrainingError for a loss that is not finite.
    """
    if len(source) < MIN_IMAGES:
        raise DatasetError(f"{len(source)} images are too few to learn from; record at least {MIN_IMAGES}")
    try:
        check_image_size(*source.image_shape[:2])
    except ValueError as error:
        raise DatasetError(str(error)) from None
    check_source(source, config)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(config.seed)
    training, validation = split_by_episode(source.episodes, config.validation_share, generator)
    begin = time.monotonic()
    learned, learned_rows = labelled(source, config, training, validation)
    if isinstance(learned, RewardLabels):
        report(
            f"the rewards place the target in {learned.known.sum():,} of {len(source):,} images; it learns from these"
        )
    with torch.random.fork_rng(devices=[]), torch_threads(config.torch_threads):
        torch.manual_seed(config.seed)
        run = _Run(learned, config, *learned_rows, folder, report, generator, pictures)
        if start is not None:
            warm_start.begin(run.learner, start)
        if run.learner.trains:
            run.optimise()
        # one pass over images with a large network takes long, and principal components need no more than figures do
        measured = training if run.learner.trains else thinned(training)
        run.fit_in_one_go(measured)
        network = run.learner.network.eval()
        if start is None:
            network.standardise_on(raw_states(network, run.batches(measured)))
            run.learner.set_scale(run.facts)
        else:
            warm_start.save(run.learner, folder)
        metrics = evaluate(run.learner, run.batches, source, training, validation, run.facts)
        metrics["minutes"] = (run.spent_s + time.monotonic() - begin) / 60.0
        if pictures:
            save_all(folder, run.learner, run.batches, source, validation, run.facts)
    lay_out(network, torch.contiguous_format)
    encoder = Encoder(
        network.cpu(),
        source.image_shape,
        config.method,
        plain(dataclasses.asdict(config)),
        metrics,
        source.cameras,
        run.digest,
    )
    encoder.save(folder)
    resume.forget(folder)
    report(describe(metrics))
    return encoder


class _Run:
    """One training: the parts that all its steps share."""

    def __init__(
        self,
        source: TransitionSource,
        config: TrainingConfig,
        training: Rows,
        validation: Rows,
        folder: Path,
        report: Callable[[str], None],
        generator: np.random.Generator,
        pictures: bool,
    ):
        self.source, self.config, self.training, self.validation = source, config, training, validation
        self._folder, self._report, self._generator, self._pictures = folder, report, generator, pictures
        self._device = device_of(config.device)
        needs = needs_of(config) | ({"ground_truth"} if learns_from_rewards(config) else set())
        self.facts: DataFacts = facts_of(source, training, config, needs)
        self.learner = Learner(source, config, self.facts).to(self._device)
        lay_out(self.learner, torch.channels_last)
        self.digest = source.digest()
        self.spent_s = 0.0  # by an earlier process that was killed
        self._key = json.dumps([plain(dataclasses.asdict(config)), self.digest, str(self._device)], sort_keys=True)

    @torch.no_grad()
    def batches(self, rows: Rows) -> Iterator[Batch]:
        """All of `rows` in order, without gradients. Reports its progress if it takes long, as with a large network."""
        done, begin = 0, time.monotonic()
        told = begin
        for some in np.array_split(rows, -(-len(rows) // _EVALUATION_BATCH)):
            yield self._batch(some)
            done, now = done + len(some), time.monotonic()
            if now - told >= SILENT_S:
                told, left_s = now, (now - begin) / done * (len(rows) - done)
                self._report(f"encoded {done:,} of {len(rows):,} moments, {left_s:.0f} s left")

    def optimise(self) -> None:
        """Train; at the end the weights are those of the best epoch."""
        config, learner = self.config, self.learner
        trained = [one for one in learner.parameters() if one.requires_grad]
        optimiser = torch.optim.Adam(trained, lr=config.learning_rate)
        steps = steps_of(len(self.training), config.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, config.epochs * steps))
        progress = resume.load(self._folder, self._key, learner, optimiser, schedule, self._generator)
        if progress:
            self._report(f"continues after epoch {len(progress.losses)} of {config.epochs}, where it was interrupted")
        progress = progress or resume.Progress(best=copy.deepcopy(learner.state_dict()))
        self.spent_s = progress.elapsed_s
        begin = time.monotonic() - progress.elapsed_s
        while len(progress.losses) < config.epochs and not self._stale(progress):
            epoch = len(progress.losses) + 1
            progress.losses.append(
                (self._epoch(optimiser, schedule, steps, epoch), mean_loss(learner, self.batches(self.validation)))
            )
            if not all(map(math.isfinite, progress.losses[-1])):
                raise self._not_finite(epoch)
            best = min(validation for _, validation in progress.losses)
            if progress.losses[-1][1] <= best and [v for _, v in progress.losses].index(best) == epoch - 1:
                progress.best_epoch, progress.best = epoch, copy.deepcopy(learner.state_dict())
            progress.elapsed_s = time.monotonic() - begin
            self._show(progress)
            resume.save(self._folder, self._key, progress, learner, optimiser, schedule, self._generator)
        if len(progress.losses) < config.epochs:
            self._report(f"ends early: no better validation loss since epoch {progress.best_epoch}")
        assert progress.best is not None
        learner.load_state_dict(progress.best)

    @torch.no_grad()
    def fit_in_one_go(self, rows: Rows) -> None:
        """Set the network's weights without gradients, by its one objective (pca), from the images of `rows`."""
        for objective in self.learner.objectives.values():
            if isinstance(objective, PrincipalComponents):
                network = self.learner.network
                objective.fit(network, (network.features(batch.images).cpu() for batch in self.batches(rows)))

    def _epoch(self, optimiser: torch.optim.Optimizer, schedule: Any, steps: int, epoch: int) -> float:
        """One pass over the training images; returns the mean loss."""
        total = 0.0
        self.learner.train()
        for rows in np.array_split(self._generator.permutation(self.training), steps):
            batch = self._batch(rows)
            loss = self.learner.loss(batch)
            value = loss.item()
            if not math.isfinite(value):
                raise self._not_finite(epoch, batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            self.learner.after_step()
            total += value * len(rows)
        return total / len(self.training)

    def _not_finite(self, epoch: int, batch: Batch | None = None) -> TrainingError:
        """Return the error that names the losses which are not finite on a batch, before they are in the weights."""
        with torch.no_grad():
            names = [] if batch is None else self.learner.not_finite(batch)
        said = f" ({', '.join(names)})" if names else ""
        return TrainingError(
            f"the loss is not finite in epoch {epoch}{said}; lower learning_rate (it is "
            f"{self.config.learning_rate:g}), or the weights of the losses"
        )

    def _stale(self, progress: resume.Progress) -> bool:
        return len(progress.losses) - progress.best_epoch >= self.config.patience

    def _batch(self, rows: Rows) -> Batch:
        return to_batch(self.source.gather(rows), self.facts, self._device)

    def _show(self, progress: resume.Progress) -> None:
        """Show the training so far: a line, a table and pictures."""
        done, epochs = len(progress.losses), self.config.epochs
        with (self._folder / "progress.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", "training_loss", "validation_loss", "elapsed_s"])
            for epoch, losses in enumerate(progress.losses, 1):
                writer.writerow([epoch, *losses, f"{progress.elapsed_s * epoch / done:.1f}"])
        training, validation = progress.losses[-1]
        self._report(
            f"epoch {done} of {epochs}: loss {training:.4f}, validation {validation:.4f}, "
            f"{progress.elapsed_s / done * (epochs - done):.0f} s left"
        )
        if not self._pictures:
            return
        save_losses(self._folder / "loss.png", *zip(*progress.losses))
        rows = self.validation[np.linspace(0, len(self.validation) - 1, min(8, len(self.validation))).astype(np.int64)]
        with torch.no_grad():
            drawn = self.learner.eval().draw(self._batch(rows))
        if drawn is not None:
            save_reconstructions(
                self._folder / "reconstructions.png",
                self.source.gather(rows).images,
                drawn.cpu().numpy(),
                self.source.cameras,
            )


@torch.no_grad()
def raw_states(network: StateNetwork, batches: Iterator[Batch]) -> torch.Tensor:
    """Return the states of all `batches` before standardisation, `(n, state_dim)`.

    Without gradients: with them torch keeps what each layer made of each image, 0.2 MB an image of 64x64 pixels.
    """
    return torch.cat([network.raw(batch.images).cpu() for batch in batches])


@torch.no_grad()
def mean_loss(learner: Learner, batches: Iterator[Batch]) -> float:
    """The loss over all `batches`. Random numbers in a loss are the same each time, so that epochs can be compared."""
    total, count = 0.0, 0
    learner.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for batch in batches:
            total += learner.loss(batch).item() * len(batch.images)
            count += len(batch.images)
    return total / count


def steps_of(rows: int, batch_size: int) -> int:
    """Return the number of batches of nearly `batch_size` rows, of two at least: losses compare rows with each other."""
    steps = -(-rows // batch_size)
    return steps if rows >= 2 * steps else rows // 2


def _rate(step: int, steps: int) -> float:
    """Share of the highest learning rate: a linear warm-up, and a cosine to 0 (Loshchilov and Hutter 2017, SGDR)."""
    return min(1.0, (step + 1) / (_WARM_UP * steps)) * 0.5 * (1.0 + math.cos(math.pi * step / steps))


def device_of(name: str) -> torch.device:
    """Return the device of a setting. Raises ConfigError if there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, and torch finds no graphics card; use auto or cpu")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Tuples as lists, as they are read again from JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
