"""Run evaluations between two rollouts, such that they do not change the training, bit for bit."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.evaluation.episodes import UNSEEN_SEED, Evaluation, evaluate
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
from rl_trainer_ros.training.checkpoints import learner_state
from robot_interface_ros.errors import RobotError, StopRequested

SEED = 2 * UNSEEN_SEED
"""Seed of episode 0 of every evaluation during a training. Its targets differ from those of the training and of
`rl_trainer evaluate`."""
Watch = Callable[[int, int, bool | None], None]


class BetweenRollouts(BaseCallback):
    """Evaluates between two rollouts, every `every_steps` steps, and at the end of the training.

    Random generators are restored afterwards.
    """

    def __init__(
        self, every_steps: int, total_steps: int, report: Callable[[str], None], should_stop: Callable[[], bool]
    ):
        """`total_steps`: number of steps of the training.

        `should_stop`: called after each step of an evaluation; True ends evaluation and training by StopRequested.
        """
        super().__init__()
        self._every, self._total = every_steps, total_steps
        self._report, self._should_stop = report, should_stop
        self._done_at = 0

    @abstractmethod
    def begin(self) -> None:
        """Make environments and logs; called when the training starts."""

    @abstractmethod
    def evaluate(self, steps: int) -> None:
        """Evaluate the current model; `steps`: number of training steps so far."""

    @abstractmethod
    def close(self) -> None:
        """Close robots and files."""

    def played(
        self, environment: RobotEnv, episodes: int, what: str, watch: Watch = lambda *_: None
    ) -> tuple[Evaluation | None, float]:
        """Return an evaluation of the model and its duration, s. If it failed, report a line and return None.

        `what`: name of the evaluation in this line.
        """

        def watched(episode: int, steps: int, success: bool | None) -> None:
            if self._should_stop():  # after Ctrl-C, a user does not wait for many episodes
                raise StopRequested
            watch(episode, steps, success)

        begin, found = time.monotonic(), None
        try:
            found = evaluate(PolicyRunner(self.model, self._normalise), environment, episodes, SEED, watch=watched)
        except (RobotError, RuntimeError) as error:  # training continues without this evaluation
            self._report(f"{what} failed: {' '.join(str(error).split())}")
        return found, time.monotonic() - begin

    def _on_training_start(self) -> None:
        with learner_state.kept_random_states():
            self.begin()
        self._done_at = self.num_timesteps

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self.model.num_timesteps // self._every > self._done_at // self._every:
            self._run()

    def _on_training_end(self) -> None:
        if self._done_at < self.num_timesteps >= self._total:  # not after a stop, because the user waits
            self._run()

    def _run(self) -> None:
        self._done_at = self.model.num_timesteps
        with learner_state.kept_random_states():
            self.evaluate(self._done_at)

    def _normalise(self, observation: Any) -> Any:
        statistics = self.training_env
        return statistics.normalize_obs(observation) if isinstance(statistics, VecNormalize) else observation
