"""Observation: joints, hand and target, from the topics of the robot contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.observations.observation import ObservationSpace, clipped, joints_box
from robot_interface_ros.config import option


@dataclass(frozen=True)
class GroundTruthSettings:
    """Settings of ground_truth."""

    relative: bool = option(True, "true: vector from hand to target; false: positions of both in the root frame")


class GroundTruth(ObservationSpace):
    """
    | index (5-joint arm) | name | unit | min, max |
    |---|---|---|---|
    | 0-4 | joint positions | rad | limits ± 0.2 |
    | 5-9 | joint velocities | rad/s | ± 4 times the top speed |
    | 10-12 | way = target - hand (x, y, z in the root frame) | m | ± 10 |
    | 13-15 | way / (its length + 0.02 m) | 1 | ± 1 |

    The last three numbers show the direction at any distance: near the target, the way itself is small compared with its
    spread. Without them, PPO needs several times as many steps (docs/training.md). With `relative: false`, 10-12 is the
    position of the hand, and 13-15 that of the target (m, ± 10).
    """

    Settings = GroundTruthSettings
    summary = "joint positions and velocities, vector to the target"
    space: spaces.Box
    _NEAR_M = 0.02

    def __init__(self, arm: Arm, settings: Any = None):
        super().__init__(arm, settings)
        self._indices, self._relative = arm.shown, self.settings.relative
        last = [1.0] * 3 if self._relative else [10.0] * 3
        self.space = joints_box(arm, [-10.0] * 3 + [-value for value in last], [10.0] * 3 + last)

    def encode(self, step_state: StepState) -> NDArray[np.float32]:
        """See ObservationSpace."""
        observation = step_state.observation
        if self._relative:
            way = step_state.to_target
            places = (way, way / (step_state.distance + self._NEAR_M))
        else:
            places = (step_state.hand, observation.target_position)
        joints = observation.position[self._indices], observation.velocity[self._indices]
        return clipped(self.space, np.concatenate((*joints, *places)))
