"""Reach: bring the hand to a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.arm.workspace import ReachWorkspace
from rl_trainer_ros.tasks.task import Outcome, Target, Task, TaskSettings
from robot_interface_ros.config import ConfigError, option


def progress_reward(before_m: float, after_m: float, reached: bool, scale: float, bonus: float) -> float:
    """Return `scale` per metre that the hand came nearer, plus `bonus` if the target is reached.

    The progress is potential-based shaping (Ng, Harada and Russell, 1999) with the distance as potential.
    """
    return scale * (before_m - after_m) + (bonus if reached else 0.0)


def sparse_reward(distance_m: Any, radius_m: float) -> Any:
    """Return 0 within `radius_m` and -1 outside, for one distance or an array."""
    return -(np.asarray(distance_m) > radius_m).astype(np.float64)


@dataclass(frozen=True)
class ReachSettings(TaskSettings):
    """Settings of reach."""

    target: str = option(
        "random",
        "random: the target is sampled in each episode; fixed: it is always at target_xyz",
        choices=("random", "fixed"),
    )
    target_xyz: tuple[float, float, float] | None = option(
        None, "fixed target, m, root frame; empty: in front of and above the hand at rest"
    )
    reward: str = option(
        "shaped",
        "shaped: progress and a bonus; distance: minus the distance to the target (m); sparse: -1 until it is reached",
        choices=("shaped", "distance", "sparse"),
    )
    success_distance_m: float = option(
        0.03, "distance between hand and target that counts as reached, m", minimum=1e-6, maximum=10.0
    )
    progress_scale: float = option(10.0, "reward per metre of progress, for reward shaped", minimum=0.0, maximum=1e6)
    success_bonus: float = option(5.0, "reward at success, for reward shaped", minimum=0.0, maximum=1e6)
    end_at_success: bool = option(True, "an episode ends when the target is reached")


class Reach(Task):
    """
    | item | definition |
    |---|---|
    | target | `random`: sampled in each episode from the hand's workspace, never inside the body; `fixed`: `target_xyz` |
    | reward `shaped` | `progress_scale` x metres gained on the target in the step, plus `success_bonus` at success |
    | reward `distance` | minus the distance, m |
    | reward `sparse` | 0 at success, else -1 |
    | success (`is_success`) | hand within `success_distance_m` of the target |
    | terminated | at success, if `end_at_success` |
    | truncated | after 120 steps (6 s at 20 Hz) |
    | `info` | `distance` (m), `is_success` |
    """

    Settings = ReachSettings
    summary = "bring the hand to a target"
    _TRAVEL = 0.7  # share of the episode in which the posture of any target can be reached at full speed

    def __init__(self, arm: Arm, period_s: float, settings: ReachSettings):
        super().__init__(arm, period_s, settings)
        self._settings = settings
        self._radius, self._scale, self._bonus, self._end = (
            settings.success_distance_m,
            settings.progress_scale,
            settings.success_bonus,
            settings.end_at_success,
        )
        if settings.target_xyz is not None and settings.target != "fixed":
            raise ConfigError("task reach: target_xyz has no effect with target random; set target to fixed as well")
        travel_s = self._TRAVEL * settings.max_episode_steps * period_s
        self._workspace = ReachWorkspace(arm, travel_s) if settings.target == "random" else None

    def draw_target(self, generator: np.random.Generator) -> Target:
        """See Task."""
        if self._workspace is None:
            return self._settings.target_xyz or _triple(self.arm.description.default_target())
        return _triple(self._workspace.draw(generator))

    def step(self, before: StepState, after: StepState) -> Outcome:
        """See Task."""
        distance = after.distance
        reached = distance <= self._radius
        if self._settings.reward == "shaped":
            reward = progress_reward(before.distance, distance, reached, self._scale, self._bonus)
        elif self._settings.reward == "distance":
            reward = -distance
        else:
            reward = float(sparse_reward(distance, self._radius))
        return Outcome(reward, reached and self._end, {"distance": distance, "is_success": reached})

    def goal_reward(self, achieved: NDArray[np.floating], desired: NDArray[np.floating]) -> Any:
        """See Task."""
        distance = np.linalg.norm(np.asarray(achieved) - np.asarray(desired), axis=-1)
        if self._settings.reward == "distance":
            return -distance
        if self._settings.reward == "sparse":
            return sparse_reward(distance, self._radius)
        raise ConfigError("task reach: reward shaped depends on more than goal and hand; use sparse or distance")


def _triple(position: NDArray[np.float64]) -> Target:
    x, y, z = position.tolist()
    return x, y, z
