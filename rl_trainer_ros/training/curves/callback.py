"""A run's own picture, kept up to date while it learns."""

from __future__ import annotations

import time
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from rl_trainer_ros.training.curves.episodes import read_episodes, read_evaluations
from rl_trainer_ros.training.curves.picture import Curve, save_picture
from rl_trainer_ros.training.trainer_config import TrainerConfig

PICTURE = "learning_curve.png"
_SHARE = 0.01  # of a training's time, at most, for drawing


def draw_run(run: Path, window: int, title: str = "") -> bool:
    """Draw `learning_curve.png` in a run's folder; False where no episode has ended yet."""
    curve = Curve(read_episodes(run), read_evaluations(run))
    if not len(curve.episodes):
        return False
    save_picture({"training": curve}, run / PICTURE, window, title)
    return True


def run_title(config: TrainerConfig, run: Path) -> str:
    """Return a run in one line: its main settings and the name of its folder."""
    return f"{config.task}, {config.robot}, {config.state}, {config.algo}, seed {config.seed}   ({run.name})"


class CurvesCallback(BaseCallback):
    """Draws between rollouts, every `interval_s` at most, and once more when it is closed."""

    def __init__(self, run: Path, window: int, title: str = "", interval_s: float = 60.0):
        """`window`: episodes that are averaged."""
        super().__init__()
        self._run, self._window, self._title, self._interval_s = run, window, title, interval_s
        self._due = time.monotonic() + interval_s

    def close(self) -> None:
        """Draw the whole run."""
        self._draw()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if time.monotonic() >= self._due:
            took_s = self._draw()
            self._due = time.monotonic() + max(self._interval_s, took_s / _SHARE)

    def _draw(self) -> float:
        """Draw, and return how long it took, s. A picture is never worth a training: a full disk costs but the picture."""
        begin = time.monotonic()
        try:
            draw_run(self._run, self._window, self._title)
        except OSError:
            self.logger.debug("no room for the learning curve")
        return time.monotonic() - begin
