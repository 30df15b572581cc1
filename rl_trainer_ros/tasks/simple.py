"""Simple: move to the target and stay there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rl_trainer_ros.arm.arm import Arm
from rl_trainer_ros.tasks.plane import HALF_WIDTH, Place, PlaneTask, PlaneTaskSettings
from rl_trainer_ros.tasks.task import Target
from robot_interface_ros.config import option

NEAR = 0.2
INNER = 0.6 * HALF_WIDTH


def simple_reward(distance: float, bump: bool) -> float:
    """Return -1 on a bump, else 1 if distance < 0.2, else 0; distance in the arena's units."""
    return -1.0 if bump else 1.0 if distance < NEAR else 0.0


@dataclass(frozen=True)
class SimpleSettings(PlaneTaskSettings):
    """Settings of simple."""

    target: str = option(
        "random",
        "random: the target is sampled in each episode; fixed: it is in the middle, where the hand starts",
        choices=("random", "fixed"),
    )


class Simple(PlaneTask):
    """
    | item | definition |
    |---|---|
    | target | `random`: sampled in the inner 60 % of the arena; `fixed`: in its middle |
    | reward | +1 if the hand is within 0.2 of it, in the arena's units (half width 0.85); -1 outside the arena; else 0 |
    | success (`is_success`) | 100 such steps in the episode (`good_steps`) |
    | terminated | never |
    | truncated | after 250 steps |
    | `info` | `distance` (m), `is_success`, `good_steps` so far, `bump` |
    """

    Settings = SimpleSettings
    summary = "in the arena: move to the target and stay there"

    def __init__(self, arm: Arm, period_s: float, settings: SimpleSettings):
        super().__init__(arm, period_s, settings)
        self._inner = INNER if settings.target == "random" else 0.0

    def draw_target(self, generator: np.random.Generator) -> Target:
        """See Task."""
        x, y = generator.uniform(-self._inner, self._inner, 2).tolist()
        return self.place_m(x, y)

    def judge(self, place: Place, moved: float | None) -> tuple[float, bool]:
        """See PlaneTask."""
        reward = simple_reward(place.distance, place.bump)
        return reward, reward > 0.0
