"""Evaluation during a training, on its own targets and robot; it does not change the training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.evaluation.episodes import Evaluation
from rl_trainer_ros.evaluation.film import Film
from rl_trainer_ros.training.callbacks.between_rollouts import SEED as SEED
from rl_trainer_ros.training.callbacks.between_rollouts import BetweenRollouts
from rl_trainer_ros.training.callbacks.evaluation_log import EvaluationLog


class EvaluationCallback(BetweenRollouts):
    """Evaluates the task of the training, always on the same targets."""

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
        """`make_env`: called when the training starts. `video`: film the first episode of each evaluation; needs rendering.

        For the other arguments see BetweenRollouts.
        """
        super().__init__(every_steps, total_steps, report, should_stop)
        self._run_folder, self._make_env, self._episodes, self._video = run, make_env, episodes, video
        self._environment: RobotEnv | None = None
        self._log: EvaluationLog | None = None
        self.last: Evaluation | None = None

    def close(self) -> None:
        """See BetweenRollouts."""
        if self._environment is not None:
            self._environment.close()
        if self._log is not None:
            self._log.close()

    def begin(self) -> None:
        """See BetweenRollouts."""
        self._environment = self._make_env()
        self._log = EvaluationLog(self._run_folder, self.num_timesteps)

    def evaluate(self, steps: int) -> None:
        """See BetweenRollouts."""
        assert self._environment is not None and self._log is not None
        film = Film(self._environment, int(self._video))
        found, seconds = self.played(self._environment, self._episodes, f"evaluation at {steps:,} steps", film.watch)
        if found is None:
            return
        self.last = found
        try:
            self._log.add(steps, found, seconds)
            if self._video:
                self._log.add_film(steps, film.gif())
        except OSError as error:
            self._report(f"an evaluation cannot be written ({error}); training continues")
        self._report(f"evaluation at {steps:,} steps: {found.short()}")
