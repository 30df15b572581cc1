"""An observation with a task label: which of several tasks is asked for, one-hot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import StepState
from rl_trainer_ros.observations.observation import ObservationSpace
from rl_trainer_ros.observations.wrapped import WrappedObservation
from robot_interface_ros.config import ConfigError

FULL = 255
"""Value of an image's plane that stands for the task."""


class WithLabel(WrappedObservation):
    """Another observation's numbers, then a 1 for the task that is asked for and a 0 for each other task.

    An image gets a plane for each task instead: 255 everywhere for the task that is asked for, 0 for the others. A task that is
    not among them has zeros only.
    """

    space: spaces.Box

    def __init__(self, inner: ObservationSpace, task: str, tasks: Sequence[str]):
        """`task`: the environment's; `tasks`: those that the label tells apart, in its order. Raises ConfigError."""
        super().__init__(inner)
        self._label = one_hot(task, tasks)
        self.space = labelled_space(inner.space, len(tasks))

    def encode(self, step_state: StepState) -> NDArray[Any]:
        """See ObservationSpace."""
        values: NDArray[Any] = labelled(self.inner.encode(step_state)[None], self._label)[0]
        return values


def one_hot(task: str, tasks: Sequence[str]) -> NDArray[np.float32]:
    """Return the label of a task among `tasks`, `(len(tasks),)`; zeros where it is none of them."""
    return np.array([float(other == task) for other in tasks], np.float32)


def labelled(observations: NDArray[Any], label: NDArray[np.float32], frames: int = 1) -> NDArray[Any]:
    """Return observations `(n, d)` or images `(n, height, width, channels)` with the label in each of their `frames`."""
    split = observations.reshape(*observations.shape[:-1], frames, -1)
    values = label if observations.ndim == 2 else FULL * label
    shape = (*split.shape[:-1], len(label))
    parts = [split, np.broadcast_to(values.astype(observations.dtype), shape)]
    return np.concatenate(parts, axis=-1).reshape(*observations.shape[:-1], -1)


def labelled_space(space: spaces.Space[Any], n: int, frames: int = 1) -> spaces.Box:
    """Return the space of labelled observations of `frames` frames. Raises ConfigError if a label cannot be added."""
    if not isinstance(space, spaces.Box) or len(space.shape) not in (1, 3):
        raise ConfigError(
            "task_labels go with observations of numbers or images, not with goal_conditioned; leave them out"
        )
    ends = (np.zeros(n, np.float32), np.ones(n, np.float32))
    low, high = (labelled(bound[None], end, frames)[0] for bound, end in zip((space.low, space.high), ends))
    return spaces.Box(low, high, dtype=space.dtype.type)
