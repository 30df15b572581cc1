"""Save the checkpoints of a training.

A full disk causes one warning; the training continues and earlier checkpoints are kept. A learner with numbers that are not
finite is never saved.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.environments.finite import NotFinite
from rl_trainer_ros.training import normalisation
from rl_trainer_ros.training.checkpoints import contents, folders, parameters
from rl_trainer_ros.training.checkpoints.errors import NotSaved
from rl_trainer_ros.training.checkpoints.folders import FINAL
from rl_trainer_ros.training.runs import logs


class Diverged(NotFinite):
    """Networks, optimisers or statistics hold NaN or infinity; the message has one line."""


def check_finite(learner: Learner, statistics: Any) -> None:
    """Raise Diverged unless all numbers that a checkpoint would hold are finite.

    `statistics`: the learner's VecNormalize.
    """
    where = not_finite(parameters.of(learner), "learner") or not_finite(
        normalisation.to_dict(statistics), "statistics of observations and rewards"
    )
    if where:
        raise Diverged(f"numbers that are not finite in {where}: the learning has diverged")


def not_finite(tree: Any, name: str) -> str:
    """Return the name of the first entry that is not finite in nested dictionaries, lists and tensors; empty if all are."""
    if isinstance(tree, dict):
        parts = ((part, f"{name}, {key}") for key, part in tree.items())
    elif isinstance(tree, (list, tuple)):
        if all(isinstance(part, float) for part in tree):
            return "" if np.isfinite(tree).all() else name
        parts = ((part, f"{name}[{i}]") for i, part in enumerate(tree))
    elif isinstance(tree, torch.Tensor):
        return "" if not tree.is_floating_point() or bool(torch.isfinite(tree).all()) else name
    else:
        return name if isinstance(tree, float) and not np.isfinite(tree) else ""
    return next((found for part, label in parts if (found := not_finite(part, label))), "")


class Saver:
    """Saves checkpoints of one run, and measures its training time."""

    def __init__(
        self,
        run: Path,
        learner: Learner,
        statistics: Any,
        about: dict[str, Any],
        keep: int,
        report: Callable[[str], None],
        trained_s: float = 0.0,
    ):
        """`keep`: number of periodic checkpoints to keep; `trained_s`: training time before this start, s."""
        self._run, self._learner, self._statistics = run, learner, statistics
        self._about, self._keep, self._report = about, keep, report
        self._begin = time.monotonic() - trained_s
        self._failed = False
        self.notes: Callable[[], dict[str, Any]] = dict
        """Returns the states of callbacks for a checkpoint."""
        self.newest: Path | None = None
        """Folder of the last saved checkpoint."""

    def training_s(self) -> float:
        """Return the training time of the run, s."""
        return time.monotonic() - self._begin

    def save(self, kind: str) -> bool:
        """Save a checkpoint of one of the kinds in `folders`. If writing fails, report one line and return False.

        Raises Diverged, and saves nothing, if the learner holds numbers that are not finite.
        """
        try:
            self._write(kind, {})
        except OSError as error:
            if not self._failed:
                self._report(
                    f"checkpoint not saved: {error}; training continues and tries again, the last one is {self._last()}"
                )
            self._failed = True
            return False
        if self._failed:
            self._report("checkpoints are saved again")
        self._failed = False
        return True

    def save_end(self, ended: str) -> None:
        """Save the end of a training. Raises NotSaved or Diverged, in one line."""
        try:
            self._write(FINAL, {"ended": ended})
        except OSError as error:
            raise NotSaved(
                f"the end of the training could not be saved: {error}; the last checkpoint is {self._last()}; free disk space, "
                f"then continue with resume:={shlex.quote(str(self._run))}"
            ) from error
        except Diverged as error:
            raise Diverged(
                f"{error}, so its end is not saved; the last good checkpoint is {self._last()}. A lower "
                "hyperparameters.learning_rate and smaller rewards help"
            ) from None

    def _write(self, kind: str, more: dict[str, Any]) -> None:
        check_finite(self._learner, self._statistics)
        about = {
            **self._about,
            **more,
            "training_s": self.training_s(),
            "logs": logs.sizes(self._run),
            "notes": self.notes(),
        }
        self.newest = contents.save(self._run, self._learner, self._statistics, about, kind)
        folders.prune(self._run, self._keep)

    def _last(self) -> str:
        found = folders.all_of(self._run)
        return str(found[0].folder) if found else "none"
