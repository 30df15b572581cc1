"""Observations of successive steps side by side, by Gymnasium's own wrappers: for every algorithm and every transport."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import FrameStackObservation, TimeLimit, TransformObservation


def limited(environment: Any) -> gymnasium.Env[Any, Any]:
    """Return a RobotEnv with its task's time limit and as many frames as its settings say."""
    return TimeLimit(stacked(environment, environment.config.frame_stack), environment.task.max_episode_steps)


def seen_space(environment: Any) -> spaces.Space[Any]:
    """Return what a policy observes of a RobotEnv: as many frames as its settings say."""
    return stacked(environment, environment.config.frame_stack).observation_space


def stacked(environment: gymnasium.Env[Any, Any], frames: int) -> gymnasium.Env[Any, Any]:
    """Return `environment` observing its last `frames` observations, oldest first, joined along their last axis.

    An episode begins with its first observation repeated: `(d,)` becomes `(frames d,)`, an image's channels multiply.
    """
    if frames == 1:
        return environment
    space = environment.observation_space
    assert isinstance(space, spaces.Box)
    low, high = (np.concatenate([bound] * frames, axis=-1) for bound in (space.low, space.high))
    joined = spaces.Box(low, high, dtype=space.dtype.type)
    frame_by_frame = FrameStackObservation(environment, frames, padding_type="reset")
    return TransformObservation(frame_by_frame, lambda stack: np.concatenate(list(stack), axis=-1), joined)
