"""Observation: joints and the encoder's state of a camera image."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.observations.observation import ObservationSpace, clipped, joints_box
from robot_interface_ros.errors import RobotError


class SrlState(ObservationSpace):
    """Joint positions (rad) and velocities (rad/s) as in GroundTruth, then the encoder's state of the camera image."""

    summary = "joint positions and velocities, state of a camera image from an encoder (selected by srl_model)"
    space: spaces.Box

    def __init__(self, arm: Arm, state_dim: int):
        super().__init__(arm)
        self._indices, self._state_dim = arm.moved, state_dim
        bound = [1e6] * state_dim
        self.space = joints_box(arm, [-value for value in bound], bound)

    def encode(self, step_state: StepState) -> NDArray[np.float32]:
        """See ObservationSpace. Raises RobotError if the state does not have the expected size."""
        observation, state = step_state.observation, step_state.observation.srl_state
        if state is None or len(state) != self._state_dim:
            found = "none" if state is None else f"{len(state)} numbers"
            raise RobotError(
                f"expected an encoded state of {self._state_dim} numbers, got {found}; "
                "does the SRL node use the encoder that the environment was made with?"
            )
        joints = observation.position[self._indices], observation.velocity[self._indices]
        return clipped(self.space, np.concatenate((*joints, state)))
