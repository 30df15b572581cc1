"""The state of a training after an epoch, so that a training that was killed ends with the same bits."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.untrusted_files import FileError, NoFileError, read_bytes

FILE = "training_state.pt"
_LIMIT = 4 * 2**30  # bytes


@dataclass
class Progress:
    """How far a training is."""

    losses: list[tuple[float, float]] = field(default_factory=list)
    """Of training and of validation, an epoch each."""
    best_epoch: int = 0
    best: dict[str, Any] | None = None
    """The learner's weights after the best epoch."""
    elapsed_s: float = 0.0


def save(
    folder: Path,
    key: str,
    progress: Progress,
    learner: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: Any,
    generator: np.random.Generator,
) -> None:
    """Save all that the next epoch depends on. `key` identifies the training: its settings and its data."""
    values = {
        "key": key,
        "losses": [list(pair) for pair in progress.losses],
        "best_epoch": progress.best_epoch,
        "best": progress.best,
        "elapsed_s": progress.elapsed_s,
        "learner": learner.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.last_epoch,
        "generator": json.dumps(generator.bit_generator.state),
        "torch": torch.get_rng_state(),
    }
    write_atomically(folder / FILE, lambda file: torch.save(values, file))


def load(
    folder: Path,
    key: str,
    learner: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: Any,
    generator: np.random.Generator,
) -> Progress | None:
    """Restore the state that `save` stored; None if there is no state of this training. Runs no code of the file."""
    try:
        content = read_bytes(folder / FILE, _LIMIT)
        values = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if values["key"] != key:
            return None
        learner.load_state_dict(values["learner"])
        optimiser.load_state_dict(values["optimiser"])
        schedule.last_epoch = int(values["schedule"])
        for group, base, rate in zip(optimiser.param_groups, schedule.base_lrs, schedule.lr_lambdas):
            group["lr"] = base * rate(schedule.last_epoch)
        generator.bit_generator.state = json.loads(values["generator"])
        torch.set_rng_state(values["torch"])
        losses = [(float(a), float(b)) for a, b in values["losses"]]
        return Progress(losses, int(values["best_epoch"]), values["best"], float(values["elapsed_s"]))
    except (NoFileError, FileError):
        return None
    except Exception:  # cut short or foreign: torch raises nearly anything; the training begins anew
        return None


def forget(folder: Path) -> None:
    """Remove the state: the training is over."""
    (folder / FILE).unlink(missing_ok=True)
