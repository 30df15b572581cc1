"""Reach: bring the hand to a target."""

from __future__ import annotations

import numpy as np

from rl_trainer_ros.arm import Arm, Moment
from rl_trainer_ros.tasks.task import Outcome, Task
from rl_trainer_ros.workspace import ReachWorkspace


def progress_reward(before_m: float, after_m: float, reached: bool, scale: float, bonus: float) -> float:
    """Return `scale` per metre that the hand came nearer, plus `bonus` when it is there.

    The progress is potential-based shaping (Ng, Harada and Russell, 1999) with the distance as potential.
    """
    return scale * (before_m - after_m) + (bonus if reached else 0.0)


class Reach(Task):
    """
    | what | when or how much |
    |---|---|
    | target | drawn anew each episode from what the hand can reach, never inside the body |
    | reward | `progress_scale` x metres gained on the target in the step, plus `success_bonus` at success |
    | success (`is_success`) | hand within `success_distance_m` of the target |
    | terminated | at success, where `end_at_success` |
    | truncated | by the clock: 120 steps (6 s at 20 Hz) |
    | `info` | `distance` (m), `is_success` |
    """

    max_episode_steps = 120
    _TRAVEL = 0.7  # share of the episode in which a target's posture could be taken at full speed

    def __init__(
        self,
        arm: Arm,
        period_s: float,
        *,
        success_distance_m: float = 0.03,
        progress_scale: float = 10.0,
        success_bonus: float = 5.0,
        end_at_success: bool = True,
    ):
        super().__init__(arm, period_s)
        if success_distance_m <= 0.0:
            raise ValueError(f"success_distance_m is {success_distance_m}; it must be above 0")
        self._radius, self._scale, self._bonus, self._end = (
            success_distance_m,
            progress_scale,
            success_bonus,
            end_at_success,
        )
        self._workspace = ReachWorkspace(arm, travel_s=self._TRAVEL * self.max_episode_steps * period_s)

    def draw_target(self, generator: np.random.Generator) -> tuple[float, float, float]:
        """See Task."""
        x, y, z = self._workspace.draw(generator).tolist()
        return x, y, z

    def step(self, before: Moment, after: Moment) -> Outcome:
        """See Task."""
        distance = after.distance
        reached = distance <= self._radius
        reward = progress_reward(before.distance, distance, reached, self._scale, self._bonus)
        return Outcome(reward, reached and self._end, {"distance": distance, "is_success": reached})
