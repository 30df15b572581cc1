"""Follow the episodes of a training, and pass them on for display a few times per second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.training.callbacks.markers import Scene

Show = Callable[[int, Scene], None]
INTERVAL_S = 0.1


class _Watched:
    """The current episode of one robot."""

    def __init__(self) -> None:
        self.trail: list[Any] = []
        self.rewards: list[float] = []
        self.episode, self.succeeded = 1, None  # type: tuple[int, bool | None]

    def step(self, hand: Any, reward: float, done: bool, info: dict[str, Any]) -> None:
        """Add a step. At the end of an episode, the environment has already begun the next one."""
        if done:
            self.episode += 1
            self.succeeded = bool(info.get("is_success", False))
            self.trail, self.rewards = [], []
            return
        self.trail.append(hand)
        self.rewards.append(reward)


class WatchCallback(BaseCallback):
    """Records the episode of every robot, and shows all of them every `interval_s` of the wall clock."""

    def __init__(self, environments: Sequence[RobotEnv], show: Show, interval_s: float = INTERVAL_S):
        """`show(i, scene)`: called with the scene of robot i."""
        super().__init__()
        self._environments, self._show, self._interval_s = environments, show, interval_s
        self._watched = [_Watched() for _ in environments]
        self._shown = -np.inf

    def _on_step(self) -> bool:
        vec_env = self.training_env
        rewards = vec_env.get_original_reward() if isinstance(vec_env, VecNormalize) else self.locals["rewards"]
        rows = zip(self._watched, self._environments, rewards, self.locals["dones"], self.locals["infos"])
        for watched, environment, reward, done, info in rows:
            if environment.observed:
                watched.step(environment.step_state.hand, float(reward), bool(done), info)
        now = time.monotonic()
        if now - self._shown >= self._interval_s:
            self._shown = now
            for i, watched in enumerate(self._watched):
                if self._environments[i].observed:
                    self._show(i, self._scene(watched, self._environments[i]))
        return True

    @staticmethod
    def _scene(watched: _Watched, environment: RobotEnv) -> Scene:
        return Scene(
            target=environment.step_state.observation.target_position,
            success_radius_m=environment.task.success_radius_m,
            trail=np.array(watched.trail).reshape(-1, 3),
            rewards=np.array(watched.rewards),
            episode=watched.episode,
            succeeded=watched.succeeded,
        )
