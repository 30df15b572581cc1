"""Stack successive observations and limit the length of episodes, by Gymnasium's wrappers; for all algorithms."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import FrameStackObservation, TimeLimit, TransformObservation


def limited(environment: Any) -> gymnasium.Env[Any, Any]:
    """Return a RobotEnv with its task's time limit and its `frame_stack`."""
    return TimeLimit(stacked(environment, environment.config.frame_stack), environment.task.max_episode_steps)


def seen_space(environment: Any) -> spaces.Space[Any]:
    """Return the observation space of a policy for a RobotEnv, with its `frame_stack`."""
    return stacked(environment, environment.config.frame_stack).observation_space


def stacked(environment: gymnasium.Env[Any, Any], frames: int) -> gymnasium.Env[Any, Any]:
    """Return `environment` with its last `frames` observations in one, oldest first, joined along their last axis.

    At the start of an episode the first observation is repeated. `(d,)` becomes `(frames d,)`; channels of images multiply.
    """
    if frames == 1:
        return environment
    space = environment.observation_space
    assert isinstance(space, spaces.Box)
    low, high = (np.concatenate([bound] * frames, axis=-1) for bound in (space.low, space.high))
    joined = spaces.Box(low, high, dtype=space.dtype.type)
    frame_by_frame = FrameStackObservation(environment, frames, padding_type="reset")
    return TransformObservation(frame_by_frame, lambda stack: np.concatenate(list(stack), axis=-1), joined)


def stacked_space(space: spaces.Space[Any], frames: int) -> spaces.Space[Any]:
    """Return the space of `frames` observations of a space, joined as `stacked` joins them."""
    return stacked(_Spaces(space), frames).observation_space


class _Spaces(gymnasium.Env[Any, Any]):
    """An environment that has only an observation space."""

    def __init__(self, observation: spaces.Space[Any]):
        self.observation_space, self.action_space = observation, spaces.Discrete(1)
