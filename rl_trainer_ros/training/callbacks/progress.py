"""Progress of a training run for people: a bar on a terminal, lines in a log."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.training.trainer_config import TrainerConfig


class ProgressCallback(BaseCallback):
    """Reports progress, and stops on request."""

    def __init__(
        self,
        config: TrainerConfig,
        learner: Learner,
        should_stop: Callable[[], bool],
        report: Callable[[str], None],
        noted: Sequence[Any] = (),
    ):
        """`noted`: the result of `notes` at the checkpoint at which the training is resumed."""
        super().__init__()
        self._learner = learner
        self._total, self._interval_s = config.num_timesteps, config.log_interval_s
        self._should_stop, self._report = should_stop, report
        self._episodes: deque[tuple[float, bool, float]] = deque(map(tuple, noted), maxlen=config.best_window)
        self._bar: Any = None

    def notes(self) -> list[tuple[float, bool, float]]:
        """Return the last episodes for a checkpoint, as JSON."""
        return [(float(episode[0]), bool(episode[1]), float(episode[2])) for episode in self._episodes]

    def close(self) -> None:
        """Remove the progress bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _on_training_start(self) -> None:
        self._begin = self._last = time.monotonic()
        self._begin_steps = self._last_steps = self.num_timesteps
        self._total += (self._begin_steps - self._total) % self._learner.rollout_steps
        if sys.stdout.isatty():  # a launcher may have redirected standard error
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._total, unit=" steps", smoothing=0.1, dynamic_ncols=True, leave=False, file=sys.stdout
            )

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "interrupted" in info:
                self.say(f"episode interrupted: {info['interrupted']}")
            if "back" in info:
                self.say(info["back"])
            if "episode" in info:
                episode = info["episode"]
                self._episodes.append((episode["r"], info["is_success"], info["distance"]))
        if self._bar is not None:
            self._bar.update(self.num_timesteps - self._begin_steps - self._bar.n)
        if time.monotonic() - self._last >= self._interval_s:
            self._report_line()
        return not self._should_stop()

    def _on_rollout_end(self) -> None:
        if not self._episodes:
            return
        _, successes, distances = np.array(self._episodes, dtype=np.float64).T
        self.logger.record("task/success_rate", successes.mean())
        self.logger.record("task/final_distance_m", distances.mean())

    def _report_line(self) -> None:
        now = time.monotonic()
        rate = (self.num_timesteps - self._last_steps) / (now - self._last)
        overall = (self.num_timesteps - self._begin_steps) / (now - self._begin)
        self._last, self._last_steps = now, self.num_timesteps
        left_s = max(0, self._total - self.num_timesteps) / max(overall, 1e-9)
        line = f"{self.num_timesteps:>9,} of {self._total:,} steps  {rate:6.0f}/s"
        if self._episodes:
            returns, successes, distances = np.array(self._episodes, dtype=np.float64).T
            line += (
                f"  return {returns.mean():7.2f}  success {100 * successes.mean():3.0f} %"
                f"  final distance {distances.mean():.3f} m"
            )
        line += f"  left {int(left_s) // 60}:{int(left_s) % 60:02d}"
        self.say(line)

    def say(self, line: str) -> None:
        """Report a line; above the bar, if there is one."""
        if self._bar is not None:
            self._bar.write(line)
        else:
            self._report(line)
