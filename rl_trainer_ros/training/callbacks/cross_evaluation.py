"""Evaluations of other tasks during a training, which show transfer and forgetting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.evaluation.episodes import Evaluation, row_of
from rl_trainer_ros.training.callbacks.between_rollouts import BetweenRollouts
from rl_trainer_ros.training.callbacks.evaluation_log import KeptRows, tensorboard_writer
from rl_trainer_ros.training.runs.logs import CROSS_EVALUATIONS
from robot_interface_ros.errors import RobotError

_TENSORBOARD = "cross_evaluation"
_TAGS = {"success_rate": "cross_evaluation_success_rate", "mean_return": "cross_evaluation_return"}


class CrossEvaluationCallback(BetweenRollouts):
    """Evaluates several tasks, one after the other; each task always has the same targets."""

    def __init__(
        self,
        run: Path,
        make_envs: Mapping[str, Callable[[], RobotEnv]],
        every_steps: int,
        episodes: int,
        total_steps: int,
        report: Callable[[str], None],
        should_stop: Callable[[], bool] = lambda: False,
    ):
        """`make_envs`: task -> function that makes its environment when the training starts. See BetweenRollouts."""
        super().__init__(every_steps, total_steps, report, should_stop)
        self._run_folder, self._make_envs, self._episodes = run, make_envs, episodes
        self._environments: dict[str, RobotEnv] = {}
        self._rows: KeptRows | None = None
        self._writer: Any = None

    def begin(self) -> None:
        """See BetweenRollouts."""
        for task, make_env in self._make_envs.items():
            self._environments[task] = make_env()
        self._rows = KeptRows(self._run_folder / CROSS_EVALUATIONS, self.num_timesteps)

    def evaluate(self, steps: int) -> None:
        """See BetweenRollouts."""
        words = []
        for task, environment in self._environments.items():
            found, seconds = self.played(environment, self._episodes, f"cross-evaluation of {task} at {steps:,} steps")
            if found is None:
                continue
            words.append(f"{task} {found.episode_return.mean():.2f}, {100 * found.success.mean():.0f} %")
            try:
                self._write(steps, task, found, seconds)
            except OSError as error:
                self._report(f"a cross-evaluation cannot be written ({error}); training continues")
        if words:
            self._report(f"cross-evaluation at {steps:,} steps (return, success): {'; '.join(words)}")

    def close(self) -> None:
        """See BetweenRollouts."""
        for task, environment in self._environments.items():
            try:
                environment.close()
            except RobotError as error:
                self._report(f"cross-evaluation of {task}: {' '.join(str(error).split())}")
        if self._writer is not None:
            self._writer.close()

    def _write(self, steps: int, task: str, evaluation: Evaluation, seconds: float) -> None:
        assert self._rows is not None
        figures = row_of(evaluation)
        self._rows.add({"steps": steps, "evaluated_on": task, **figures, "seconds": f"{seconds:.2f}"})
        if self._writer is None:
            self._writer = tensorboard_writer(self._run_folder / _TENSORBOARD, self._rows.begins)
        for name, tag in _TAGS.items():
            self._writer.add_scalar(f"{tag}/{task}", figures[name], steps)
        self._writer.flush()
