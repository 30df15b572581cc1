"""Raise hand: bring the hand up; its other coordinates do not matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.tasks import Outcome, Task, TaskSettings
from robot_interface_ros.config import option


@dataclass(frozen=True)
class RaiseHandSettings(TaskSettings):
    """Each setting is a keyword argument of gymnasium.make, and `task.NAME:=VALUE` on the command line."""

    height_m: float = option(0.2, "height of the target above the hand at rest, m", minimum=0.001, maximum=10.0)


class RaiseHand(Task):
    """
    | | |
    |---|---|
    | target | `height_m` above the hand at rest |
    | reward | 10 per metre that the hand has risen in the step |
    | success (`is_success`) | the hand is as high as the target |
    | terminated | at success |
    | truncated | after 120 steps |
    """

    Settings = RaiseHandSettings
    summary = "bring the hand up"

    def __init__(self, arm: Arm, period_s: float, settings: RaiseHandSettings):
        super().__init__(arm, period_s, settings)
        self._height_m = settings.height_m

    def draw_target(self, generator: np.random.Generator) -> tuple[float, float, float]:
        """See Task."""
        x, y, z = self.arm.hand(self.arm.description.rest).tolist()
        return x, y, z + self._height_m

    def step(self, before: StepState, after: StepState) -> Outcome:
        """See Task."""
        success = bool(after.to_target[2] <= 0.0)
        reward = 10.0 * float(after.hand[2] - before.hand[2])
        return Outcome(reward, success, {"distance": after.distance, "is_success": success})
