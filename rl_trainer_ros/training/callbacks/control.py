"""A running training, paused, saved and stopped from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback

LONGEST_WAIT_S = 0.2  # after which a pause looks whether the training is to stop


class Control:
    """What was asked for. Any thread asks; the training's own thread heeds it between two steps."""

    def __init__(self) -> None:
        self._going = threading.Event()
        self._going.set()
        self._save = threading.Event()
        self._stop = threading.Event()

    @property
    def paused(self) -> bool:
        """Whether a pause was asked for."""
        return not self._going.is_set()

    @property
    def stopped(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    def pause(self, pause: bool) -> None:
        """Hold the training, or let it go on."""
        if pause:
            self._going.clear()
        else:
            self._going.set()

    def save(self) -> None:
        """Ask for a checkpoint."""
        self._save.set()

    def stop(self) -> None:
        """Ask the training to save and end; ends a pause too."""
        self._stop.set()
        self._going.set()

    def take_save(self) -> bool:
        """Whether a checkpoint was asked for since this was last asked."""
        asked = self._save.is_set()
        self._save.clear()
        return asked

    def hold(self, should_stop: Callable[[], bool]) -> None:
        """Return when there is no pause, or a stop."""
        while not self._going.wait(LONGEST_WAIT_S) and not should_stop():
            pass


class SaveOnRequest(BaseCallback):
    """Makes the checkpoints that were asked for, between two rollouts, where a learner holds nothing half done."""

    def __init__(self, asked: Callable[[], bool], save: Callable[[], bool], report: Callable[[str], None]):
        """`save` tells whether it could; where it could not, it has said so itself."""
        super().__init__()
        self._asked, self._save, self._report = asked, save, report

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self._asked() and self._save():
            self._report(f"checkpoint saved at {self.model.num_timesteps:,} steps, as asked")
