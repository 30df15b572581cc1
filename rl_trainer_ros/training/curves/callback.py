"""Keep the plot of a run up to date during the training."""

from __future__ import annotations

import time
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from rl_trainer_ros.training.curves.episodes import read_episodes, read_evaluations
from rl_trainer_ros.training.curves.picture import Curve, save_picture
from rl_trainer_ros.training.trainer_config import TrainerConfig

PICTURE = "learning_curve.png"
_SHARE = 0.01  # largest share of the training time for plotting


def draw_run(run: Path, window: int, title: str = "") -> bool:
    """Plot `learning_curve.png` in a run's folder; return False if no episode has ended and nothing was evaluated yet."""
    curve = Curve(read_episodes(run), read_evaluations(run))
    if not len(curve.episodes) and not len(curve.evaluations.steps):
        return False
    save_picture({"training": curve}, run / PICTURE, window, title)
    return True


def run_title(config: TrainerConfig, run: Path) -> str:
    """Return a title for a run: its main settings and the name of its folder."""
    return f"{config.task}, {config.robot}, {config.state}, {config.algo}, seed {config.seed}   ({run.name})"


class CurvesCallback(BaseCallback):
    """Plots between rollouts, at most every `interval_s`, and once more when it is closed."""

    def __init__(self, run: Path, window: int, title: str = "", interval_s: float = 60.0):
        """`window`: number of episodes to average."""
        super().__init__()
        self._run, self._window, self._title, self._interval_s = run, window, title, interval_s
        self._due = time.monotonic() + interval_s

    def close(self) -> None:
        """Plot the whole run."""
        self._draw()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if time.monotonic() >= self._due:
            took_s = self._draw()
            self._due = time.monotonic() + max(self._interval_s, took_s / _SHARE)

    def _draw(self) -> float:
        """Plot, and return the time it took, s. A full disk must not end the training: only the plot is lost."""
        begin = time.monotonic()
        try:
            draw_run(self._run, self._window, self._title)
        except OSError:
            self.logger.debug("no room for the learning curve")
        return time.monotonic() - begin
