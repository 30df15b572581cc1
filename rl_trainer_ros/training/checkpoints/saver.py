"""Saves a training's checkpoints; a full disk costs one warning and neither the training nor what was saved before."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rl_trainer_ros.training.checkpoints import contents, diverged, folders
from rl_trainer_ros.training.checkpoints.diverged import Diverged
from rl_trainer_ros.training.checkpoints.errors import NotSaved
from rl_trainer_ros.training.checkpoints.folders import FINAL
from rl_trainer_ros.training.runs import logs


class Saver:
    """Knows what is saved, where, and how long the run has trained."""

    def __init__(
        self,
        run: Path,
        algorithm: Any,
        statistics: Any,
        about: dict[str, Any],
        keep: int,
        report: Callable[[str], None],
        trained_s: float = 0.0,
    ):
        """`keep`: periodic checkpoints that stay; `trained_s`: for which the run has trained before, s."""
        self._run, self._algorithm, self._statistics = run, algorithm, statistics
        self._about, self._keep, self._report = about, keep, report
        self._begin = time.monotonic() - trained_s
        self._failed = False
        self.notes: Callable[[], dict[str, Any]] = dict
        """What goes into a checkpoint beside the learner."""
        self.newest: Path | None = None
        """The checkpoint that was saved last."""

    def training_s(self) -> float:
        """For how long the run has trained, s."""
        return time.monotonic() - self._begin

    def save(self, kind: str) -> bool:
        """Save a checkpoint of one of the kinds in `folders`; False, after one line, where the disk does not take it.

        Raises Diverged, and saves nothing, where the learner holds numbers that are not finite.
        """
        try:
            self._write(kind, {})
        except OSError as error:
            if not self._failed:
                self._report(
                    f"checkpoint not saved: {error}; training goes on and tries again, the last one is {self._last()}"
                )
            self._failed = True
            return False
        if self._failed:
            self._report("checkpoints are saved again")
        self._failed = False
        return True

    def save_end(self, ended: str) -> None:
        """Save the end of a training. Raises NotSaved or Diverged, one line."""
        try:
            self._write(FINAL, {"ended": ended})
        except OSError as error:
            raise NotSaved(
                f"the end of the training could not be saved: {error}; the last checkpoint is {self._last()}; make room, then "
                f"go on with resume:={shlex.quote(str(self._run))}"
            ) from error
        except Diverged as error:
            raise Diverged(
                f"{error}, so its end is not saved; the last good checkpoint is {self._last()}. A lower "
                "hyperparameters.learning_rate and smaller rewards help"
            ) from None

    def _write(self, kind: str, more: dict[str, Any]) -> None:
        diverged.check(self._algorithm, self._statistics)
        about = {
            **self._about,
            **more,
            "training_s": self.training_s(),
            "logs": logs.sizes(self._run),
            "notes": self.notes(),
        }
        self.newest = contents.save(self._run, self._algorithm, self._statistics, about, kind)
        folders.prune(self._run, self._keep)

    def _last(self) -> str:
        found = folders.all_of(self._run)
        return str(found[0].folder) if found else "none"
