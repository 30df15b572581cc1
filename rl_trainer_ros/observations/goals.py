"""Observations with goals beside them, for learners that relabel goals (hindsight experience replay)."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from rl_trainer_ros.arm.arm import StepState
from rl_trainer_ros.observations.observation import ObservationSpace
from robot_interface_ros.config import ConfigError


class Goals(ObservationSpace):
    """
    | key | name | unit | min, max |
    |---|---|---|---|
    | `observation` | another observation, in which the target is not seen | | |
    | `achieved_goal` | where the hand is (x, y, z in the root's frame) | m | ± 10 |
    | `desired_goal` | where the target is | m | ± 10 |

    After Andrychowicz et al., "Hindsight Experience Replay", 2017.
    """

    summary = "a dictionary of an observation, where the hand is and where it should be"

    def __init__(self, observation: ObservationSpace, name: str):
        """`name`: the observation's, for errors."""
        super().__init__(observation.arm)
        if observation.shows_target:
            raise ConfigError(
                f"goal_conditioned: the target is seen in observation {name}, so its goals cannot be exchanged; use joints "
                "or joints_position"
            )
        self._inner = observation
        place = spaces.Box(-10.0, 10.0, (3,), np.float32)
        self.space = spaces.Dict({"observation": observation.space, "achieved_goal": place, "desired_goal": place})

    def encode(self, step_state: StepState) -> dict[str, Any]:
        """See ObservationSpace."""
        return {
            "observation": self._inner.encode(step_state),
            "achieved_goal": step_state.hand.astype(np.float32),
            "desired_goal": step_state.observation.target_position.astype(np.float32),
        }
