"""Observations of the joints only, without the target."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.observations.observation import ObservationSpace, clipped, joints_box


class Joints(ObservationSpace):
    """
    | index (5-joint arm) | name | unit | min, max |
    |---|---|---|---|
    | 0-4 | joint positions | rad | limits ± 0.2 |
    | 5-9 | joint velocities | rad/s | ± 4 times the top speed |
    """

    summary = "joint positions and velocities, without the target"
    shows_target = False
    space: spaces.Box

    def __init__(self, arm: Arm, settings: Any = None):
        super().__init__(arm, settings)
        self._indices = arm.shown
        self.space = joints_box(arm, [], [])

    def encode(self, step_state: StepState) -> NDArray[np.float32]:
        """See ObservationSpace."""
        observation = step_state.observation
        values = np.concatenate((observation.position[self._indices], observation.velocity[self._indices]))
        return clipped(self.space, values)


class JointsPosition(ObservationSpace):
    """
    | index (5-joint arm) | name | unit | min, max |
    |---|---|---|---|
    | 0-4 | joint positions | rad | limits ± 0.2 |
    """

    summary = "joint positions, without the target"
    shows_target = False
    space: spaces.Box

    def __init__(self, arm: Arm, settings: Any = None):
        super().__init__(arm, settings)
        self._indices = arm.shown
        self.space = joints_box(arm, [], [], velocities=False)

    def encode(self, step_state: StepState) -> NDArray[np.float32]:
        """See ObservationSpace."""
        return clipped(self.space, step_state.observation.position[self._indices])
