"""Observations: what a policy sees. Where a target is known comes from `target_pose` or from an encoded image."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm import Arm, Moment
from robot_interface_ros.errors import RobotError


class ObservationSpace(Protocol):
    """Turns a moment into the policy's input."""

    space: spaces.Box

    def encode(self, moment: Moment) -> NDArray[np.float32]:
        """Return the observation, float32 of the space's shape."""


def _joints_box(arm: Arm, low: list[float], high: list[float]) -> spaces.Box:
    # Physics may overshoot a limit by the error of a servo; a bound that an observation crosses would be a lie.
    margin, speed = 0.2, arm.velocity * 4
    low_all = np.concatenate([arm.lower - margin, -speed, low])
    high_all = np.concatenate([arm.upper + margin, speed, high])
    return spaces.Box(low_all.astype(np.float32), high_all.astype(np.float32), dtype=np.float32)


class GroundTruth:
    """
    | index (5-joint arm) | name | unit | min, max |
    |---|---|---|---|
    | 0-4 | joint positions | rad | limits ± 0.2 |
    | 5-9 | joint velocities | rad/s | ± 4 times the top speed |
    | 10-12 | way = target - hand (x, y, z in the root's frame) | m | ± 10 |
    | 13-15 | way / (its length + 0.02 m) | 1 | ± 1 |

    The last three tell the direction at any distance: near the target the way itself is small beside its own spread, and
    without them PPO needs several times as many steps (docs/training.md).
    """

    _NEAR_M = 0.02

    def __init__(self, arm: Arm):
        self._indices = arm.indices
        self.space = _joints_box(arm, [-10.0] * 3 + [-1.0] * 3, [10.0] * 3 + [1.0] * 3)

    def encode(self, moment: Moment) -> NDArray[np.float32]:
        """See ObservationSpace."""
        observation, way = moment.observation, moment.to_target
        values = np.concatenate(
            (
                observation.position[self._indices],
                observation.velocity[self._indices],
                way,
                way / (moment.distance + self._NEAR_M),
            )
        )
        return np.clip(values, self.space.low, self.space.high).astype(np.float32)


class SrlState:
    """Joint positions (rad) and velocities (rad/s) as in GroundTruth, then the encoded state of the camera's image."""

    def __init__(self, arm: Arm, state_dim: int):
        self._indices, self._state_dim = arm.indices, state_dim
        bound = [1e6] * state_dim
        self.space = _joints_box(arm, [-value for value in bound], bound)

    def encode(self, moment: Moment) -> NDArray[np.float32]:
        """See ObservationSpace. Raises RobotError when the state has another size than the model that was announced."""
        observation, state = moment.observation, moment.observation.srl_state
        if state is None or len(state) != self._state_dim:
            found = "none" if state is None else f"{len(state)} numbers"
            raise RobotError(
                f"expected an encoded state of {self._state_dim} numbers, got {found}; "
                "is the SRL node's model the one that the environment was made with?"
            )
        values = np.concatenate((observation.position[self._indices], observation.velocity[self._indices], state))
        return np.clip(values, self.space.low, self.space.high).astype(np.float32)
