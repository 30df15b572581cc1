"""Save checkpoints between two rollouts, when the learner has no unfinished data."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.evaluation.episodes import Evaluation
from rl_trainer_ros.training.checkpoints import replay
from rl_trainer_ros.training.checkpoints.folders import BEST, EXACT, TIMED
from rl_trainer_ros.training.trainer_config import EVALUATION, TRAINING, TrainerConfig

Save = Callable[[str], bool]
"""Saves a checkpoint of a kind; returns False if that failed. The failure is already reported then."""
_AGAIN_AFTER_S = 30.0


class CheckpointCallback(BaseCallback):
    """Saves checkpoints by steps or episodes, by the clock, and of the best model.

    A checkpoint by steps or episodes ends all episodes, even if no run is ever resumed from it: a simulator can be restored
    bit for bit after a reset, but not in the middle of an episode. It does not end episodes in real time, or while a robot
    is absent. Checkpoints by the clock and of the best model never end episodes, because their time depends on the machine.
    """

    def __init__(
        self,
        config: TrainerConfig,
        learner: Learner,
        save: Save,
        noted: dict[str, Any] | None = None,
        evaluated: Callable[[], Evaluation | None] = lambda: None,
    ):
        """`noted`: the result of `notes` at the checkpoint at which the training is resumed.

        `evaluated`: returns the last evaluation of this training; a new one always belongs to the current model.
        """
        super().__init__()
        self._config, self._learner, self._save = config, learner, save
        noted = noted or {}
        self._returns: deque[float] = deque(noted.get("returns", ()), maxlen=config.best_window)
        self._best: float | None = noted.get("best")
        self._episodes: int = noted.get("episodes", 0)
        self._evaluated, self._judged = evaluated, None  # type: Callable[[], Evaluation | None], Evaluation | None
        self._unseen = 0
        self._failed_at = -np.inf
        self.before_exact: Callable[[int], None] = lambda steps: None
        """Called with the number of steps before a checkpoint that ends all episodes is saved."""

    def notes(self) -> dict[str, Any]:
        """Return the state of this callback for a checkpoint, as JSON."""
        return {"returns": list(self._returns), "best": self._best, "episodes": self._episodes}

    def _on_training_start(self) -> None:
        self._last = self._now()
        self._saved_at = time.monotonic()

    def _on_rollout_start(self) -> None:
        self._judge()
        now, before, self._last = self._now(), self._last, self._now()
        config = self._config
        every = (config.checkpoint_every_steps, config.checkpoint_every_episodes)
        if any(n and a // n > b // n for n, a, b in zip(every, now, before)):
            self._periodic()
        elif config.checkpoint_interval_s and time.monotonic() - self._saved_at >= config.checkpoint_interval_s:
            self._save(TIMED)
            self._saved_at = time.monotonic()

    def _periodic(self) -> None:
        self._saved_at = time.monotonic()
        if self._config.realtime or not np.all(getattr(self.training_env.unwrapped, "present", True)):
            self._save(TIMED)
            return
        self._learner.complete()
        replay.end_episodes(self._learner.replay_buffer)  # stored episodes must not continue in the next one
        self.before_exact(self.model.num_timesteps)
        self._save(EXACT)  # episodes end even if saving fails: a full disk must not change the training
        self._learner.explore_anew()
        self._learner.begin_episodes()

    def _on_step(self) -> bool:
        self._episodes += int(np.count_nonzero(self.locals["dones"]))
        for info in self.locals["infos"]:
            if "episode" in info:
                self._returns.append(float(info["episode"]["r"]))
                self._unseen += 1
        return True

    def _on_training_end(self) -> None:
        self._judge()

    def _judge(self) -> None:
        """Save the model if it has just been evaluated, and is the best so far."""
        last = self._evaluated()
        if self._config.best_by != EVALUATION or last is None or last is self._judged:
            return
        self._judged = last
        self._compare(float(last.episode_return.mean()))

    def _on_rollout_end(self) -> None:
        if self._config.best_by != TRAINING:
            return
        enough = min(self._config.best_min_episodes, self._config.best_window)
        news = max(
            1, self._config.best_window // 10
        )  # off-policy learners improve with each episode; saving takes 30 ms
        if self._unseen < news or len(self._returns) < enough or time.monotonic() - self._failed_at < _AGAIN_AFTER_S:
            return
        self._unseen = 0
        self._compare(float(np.mean(self._returns)))

    def _compare(self, mean: float) -> None:
        """Save the model if `mean` is the best mean return so far."""
        if self._best is None or mean > self._best:
            before, self._best = self._best, mean
            if not self._save(BEST):
                self._best, self._failed_at = before, time.monotonic()

    def _now(self) -> tuple[int, int]:
        return self.model.num_timesteps, self._episodes
