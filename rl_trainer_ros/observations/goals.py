"""Observations with goals, for learners that replace goals (hindsight experience replay)."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from rl_trainer_ros.arm.arm import StepState
from rl_trainer_ros.observations.observation import ObservationSpace
from rl_trainer_ros.observations.wrapped import WrappedObservation
from robot_interface_ros.config import ConfigError


class Goals(WrappedObservation):
    """
    | key | name | unit | min, max |
    |---|---|---|---|
    | `observation` | another observation, without the target | | |
    | `achieved_goal` | position of the hand (x, y, z in the root frame) | m | ± 10 |
    | `desired_goal` | position of the target | m | ± 10 |

    After Andrychowicz et al., "Hindsight Experience Replay", 2017.
    """

    summary = "a dictionary of an observation, the hand's position and the target's position"

    def __init__(self, observation: ObservationSpace, name: str):
        """`name`: name of the observation, for errors. Raises ConfigError if it shows the target."""
        super().__init__(observation)
        if observation.shows_target:
            raise ConfigError(
                f"goal_conditioned: observation {name} shows the target, so goals cannot be replaced; use joints "
                "or joints_position"
            )
        place = spaces.Box(-10.0, 10.0, (3,), np.float32)
        self.space = spaces.Dict({"observation": observation.space, "achieved_goal": place, "desired_goal": place})

    def encode(self, step_state: StepState) -> dict[str, Any]:
        """See ObservationSpace."""
        return {
            "observation": self.inner.encode(step_state),
            "achieved_goal": step_state.hand.astype(np.float32),
            "desired_goal": step_state.observation.target_position.astype(np.float32),
        }
