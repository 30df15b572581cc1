"""When evaluations during a training happen, and that the training learns nothing from them, not to the bit."""

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
"""Episode k of every evaluation during a training: neither training's targets, nor those of `rl_trainer evaluate`."""
Watch = Callable[[int, int, bool | None], None]


class BetweenRollouts(BaseCallback):
    """Does something between two rollouts, every `every_steps` steps, and at the end of the training.

    Random generators are as they were before, whatever is drawn meanwhile.
    """

    def __init__(
        self, every_steps: int, total_steps: int, report: Callable[[str], None], should_stop: Callable[[], bool]
    ):
        """`total_steps`: after which the training ends.

        `should_stop`: asked after each step of an evaluation; where it says so, StopRequested ends evaluation and training.
        """
        super().__init__()
        self._every, self._total = every_steps, total_steps
        self._report, self._should_stop = report, should_stop
        self._done_at = 0

    @abstractmethod
    def begin(self) -> None:
        """Make what is needed; called when the training starts."""

    @abstractmethod
    def evaluate(self, steps: int) -> None:
        """Evaluate the model as it is after so many steps."""

    @abstractmethod
    def close(self) -> None:
        """Leave robots and files."""

    def played(
        self, environment: RobotEnv, episodes: int, what: str, watch: Watch = lambda *_: None
    ) -> tuple[Evaluation | None, float]:
        """Return an evaluation of the model, and how long it took, s; None where it failed, of which a line tells.

        `what`: the evaluation, as the line names it.
        """

        def watched(episode: int, steps: int, success: bool | None) -> None:
            if self._should_stop():  # many episodes take longer than somebody who pressed Ctrl-C waits
                raise StopRequested
            watch(episode, steps, success)

        begin, found = time.monotonic(), None
        try:
            found = evaluate(PolicyRunner(self.model, self._normalise), environment, episodes, SEED, watch=watched)
        except (RobotError, RuntimeError) as error:  # training goes on without
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
        if self._done_at < self.num_timesteps >= self._total:  # not where it was stopped: somebody waits
            self._run()

    def _run(self) -> None:
        self._done_at = self.model.num_timesteps
        with learner_state.kept_random_states():
            self.evaluate(self._done_at)

    def _normalise(self, observation: Any) -> Any:
        statistics = self.training_env
        return statistics.normalize_obs(observation) if isinstance(statistics, VecNormalize) else observation
