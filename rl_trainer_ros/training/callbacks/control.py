"""Pause, save and stop a running training from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback

LONGEST_WAIT_S = 0.2  # interval at which a pause checks whether the training should stop


class Control:
    """Requests to a training. Any thread may make them; the training's thread handles them between two steps."""

    def __init__(self) -> None:
        self._going = threading.Event()
        self._going.set()
        self._save = threading.Event()
        self._stop = threading.Event()

    @property
    def paused(self) -> bool:
        """Whether a pause is requested."""
        return not self._going.is_set()

    @property
    def stopped(self) -> bool:
        """Whether a stop is requested."""
        return self._stop.is_set()

    def pause(self, pause: bool) -> None:
        """Pause the training, or continue it."""
        if pause:
            self._going.clear()
        else:
            self._going.set()

    def save(self) -> None:
        """Request a checkpoint."""
        self._save.set()

    def stop(self) -> None:
        """Request that the training saves and ends; ends a pause too."""
        self._stop.set()
        self._going.set()

    def take_save(self) -> bool:
        """Return whether a checkpoint was requested since the last call."""
        asked = self._save.is_set()
        self._save.clear()
        return asked

    def hold(self, should_stop: Callable[[], bool]) -> None:
        """Wait until the pause is over, or a stop is requested."""
        while not self._going.wait(LONGEST_WAIT_S) and not should_stop():
            pass


class SaveOnRequest(BaseCallback):
    """Saves requested checkpoints between two rollouts, when the learner has no unfinished data."""

    def __init__(self, asked: Callable[[], bool], save: Callable[[], bool], report: Callable[[str], None]):
        """`save`: returns whether it succeeded, and reports a failure itself."""
        super().__init__()
        self._asked, self._save, self._report = asked, save, report

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self._asked() and self._save():
            self._report(f"checkpoint saved at {self.model.num_timesteps:,} steps, as requested")
