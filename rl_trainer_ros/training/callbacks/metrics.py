"""Metrics of a running training, for topics, /diagnostics and TensorBoard. Any thread may read them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rl_trainer_ros.training.callbacks.control import Control

NAN = float("nan")
COLLECTING, UPDATING, PAUSED, OVER = "collecting", "updating", "paused", "over"
_RATE_OVER_S = 5.0


@dataclass(frozen=True)
class Figures:
    """Current metrics. Values of episodes are means over the last ones, NaN before the first has ended."""

    state: str = COLLECTING
    steps: int = 0
    total_steps: int = 0
    episodes: int = 0
    steps_per_second: float = NAN
    """Over the last seconds, including updates and pauses."""
    last_return: float = NAN
    """Return of the last episode."""
    episode_return: float = NAN
    success_rate: float = NAN
    final_distance: float = NAN
    """m."""
    step_ms: float = NAN
    """Time per step while collecting: robots and policy."""
    update_s: float = NAN
    """Time between the last two rollouts, s: update of the policy, and other work."""
    update_share: float = NAN
    """Share of updates in the training time without pauses, 0 to 1."""
    overruns: int = 0
    """In real time: number of steps whose command came too late."""


class FiguresCallback(BaseCallback):
    """Keeps `figures` up to date, and pauses between two steps on request.

    In lockstep the robots wait for any time. In real time a pause begins at the end of an episode, so that no episode is
    interrupted: the robot holds its rest posture.
    """

    def __init__(
        self, control: Control, window: int, total_steps: int, realtime: bool, should_stop: Callable[[], bool]
    ):
        """`window`: number of episodes for the means."""
        super().__init__()
        self._control, self._total, self._realtime, self._should_stop = control, total_steps, realtime, should_stop
        self._ended: deque[tuple[float, float, float]] = deque(maxlen=window)
        self._episodes = self._overruns = 0
        self._state = COLLECTING
        self._update_s = NAN
        self._collecting_s = self._updating_s = self._paused_s = 0.0
        self._rollout_steps, self._step_ms = 0, NAN
        self._seen: deque[tuple[float, int]] = deque()
        self._began = time.monotonic()

    @property
    def figures(self) -> Figures:
        """The current metrics; may be read from any thread."""
        steps = self.num_timesteps
        rows = np.array(list(self._ended) or [(NAN, NAN, NAN)])
        returns, success, distance = rows.mean(axis=0)
        spent = self._collecting_s + self._updating_s
        return Figures(
            state=self._state,
            steps=steps,
            total_steps=self._total,
            episodes=self._episodes,
            steps_per_second=self._rate(steps),
            last_return=float(rows[-1][0]),
            episode_return=float(returns),
            success_rate=float(success),
            final_distance=float(distance),
            step_ms=self._step_ms,
            update_s=self._update_s,
            update_share=self._updating_s / spent if spent else NAN,
            overruns=self._overruns,
        )

    def _on_training_start(self) -> None:
        self._began, self._state = time.monotonic(), COLLECTING
        self._first_rollout = True

    def _on_rollout_start(self) -> None:
        now = time.monotonic()
        if not self._first_rollout:
            self._update_s = now - self._began
            self._updating_s += self._update_s
        self._first_rollout, self._state, self._began = False, COLLECTING, now
        self._rollout_steps, self._paused_s = 0, 0.0

    def _on_step(self) -> bool:
        self._rollout_steps += 1
        for info in self.locals["infos"]:
            if "episode" in info:
                self._ended.append((info["episode"]["r"], float(info["is_success"]), info["distance"]))
                self._episodes += 1
            if "timing" in info:
                self._overruns = info["timing"].get("overruns", 0)
        if self._control.paused and (not self._realtime or np.any(self.locals["dones"])):
            self._pause()
        return not self._should_stop()

    def _on_rollout_end(self) -> None:
        now = time.monotonic()
        took = now - self._began - self._paused_s
        self._collecting_s += took
        self._step_ms = 1e3 * took / max(1, self._rollout_steps)
        self._state, self._began = UPDATING, now
        self._record(self.logger)

    def _on_training_end(self) -> None:
        self._state = OVER

    def _pause(self) -> None:
        begin, self._state = time.monotonic(), PAUSED
        self._control.hold(self._should_stop)
        self._paused_s += time.monotonic() - begin
        self._state = COLLECTING

    def _record(self, logger: Any) -> None:
        """Log values for TensorBoard in addition to those of stable-baselines3."""
        logger.record("time/step_ms", self._step_ms)
        if not np.isnan(self._update_s):
            logger.record("time/update_s", self._update_s)
            logger.record("time/update_share", self._updating_s / (self._collecting_s + self._updating_s))
        if self._realtime:
            logger.record("time/overruns", self._overruns)

    def _rate(self, steps: int) -> float:
        """Return the steps per second since the oldest of the last calls; NaN at the first call."""
        now = time.monotonic()
        self._seen.append((now, steps))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _RATE_OVER_S:
            self._seen.popleft()
        begin, before = self._seen[0]
        return (steps - before) / (now - begin) if now > begin else NAN
