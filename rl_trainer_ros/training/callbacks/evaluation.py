"""Evaluation during a training, on targets and a robot of its own: the training learns nothing from it, not to the bit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.evaluation.episodes import UNSEEN_SEED, Evaluation, evaluate
from rl_trainer_ros.evaluation.film import Film
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
from rl_trainer_ros.training.callbacks.evaluation_log import EvaluationLog
from rl_trainer_ros.training.checkpoints import learner_state
from robot_interface_ros.errors import RobotError, StopRequested

SEED = 2 * UNSEEN_SEED
"""Episode k of every evaluation during a training: neither training's targets, nor those of `rl_trainer evaluate`."""


class EvaluationCallback(BaseCallback):
    """Evaluates between two rollouts, every `every_steps` steps and at the end, always on the same targets."""

    def __init__(
        self,
        run: Path,
        make_env: Callable[[], RobotEnv],
        every_steps: int,
        episodes: int,
        total_steps: int,
        report: Callable[[str], None],
        video: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
    ):
        """`make_env` is called when the training starts. `total_steps`: after which the training ends.

        `should_stop`: asked after each step of an evaluation; where it says so, StopRequested ends evaluation and training.
        `video`: film the first episode of each; the environment must render.
        """
        super().__init__()
        self._run, self._make_env, self._report = run, make_env, report
        self._every, self._episodes, self._total = every_steps, episodes, total_steps
        self._video, self._should_stop = video, should_stop
        self._environment: RobotEnv | None = None
        self._log: EvaluationLog | None = None
        self.last: Evaluation | None = None

    def close(self) -> None:
        """Leave the robot and the log."""
        if self._environment is not None:
            self._environment.close()
        if self._log is not None:
            self._log.close()

    def _on_training_start(self) -> None:
        with learner_state.kept_random_states():
            self._environment = self._make_env()
        self._log = EvaluationLog(self._run, self.num_timesteps)
        self._evaluated = self.num_timesteps

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self.model.num_timesteps // self._every > self._evaluated // self._every:
            self._evaluate()

    def _on_training_end(self) -> None:
        if self._evaluated < self.num_timesteps >= self._total:  # not where it was stopped: somebody waits
            self._evaluate()

    def _evaluate(self) -> None:
        assert self._environment is not None and self._log is not None
        self._evaluated = self.model.num_timesteps
        begin = time.monotonic()
        acting = PolicyRunner(self.model, self._normalise)
        film = Film(self._environment, int(self._video))

        def watch(episode: int, steps: int, success: bool | None) -> None:
            if self._should_stop():  # many episodes take longer than somebody who pressed Ctrl-C waits
                raise StopRequested
            film.watch(episode, steps, success)

        try:
            with learner_state.kept_random_states():
                self.last = evaluate(acting, self._environment, self._episodes, SEED, watch=watch)
        except (RobotError, RuntimeError) as error:  # training goes on without
            self._report(f"evaluation at {self._evaluated:,} steps failed: {' '.join(str(error).split())}")
            return
        seconds = time.monotonic() - begin
        try:
            self._log.add(self._evaluated, self.last, seconds)
            if self._video:
                self._log.add_film(self._evaluated, film.gif())
        except OSError as error:
            self._report(f"an evaluation cannot be written ({error}); training goes on")
        self._report(f"evaluation at {self._evaluated:,} steps: {self.last.short()}")

    def _normalise(self, observation: Any) -> Any:
        statistics = self.training_env
        return statistics.normalize_obs(observation) if isinstance(statistics, VecNormalize) else observation
