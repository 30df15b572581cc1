"""An observation followed by the task's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import StepState
from rl_trainer_ros.observations.observation import ObservationSpace
from rl_trainer_ros.observations.wrapped import WrappedObservation
from robot_interface_ros.config import ConfigError

if TYPE_CHECKING:
    from rl_trainer_ros.tasks import Task

LARGEST = 4.0


class WithMemory(WrappedObservation):
    """The numbers of another observation, then those of `Task.remembered()` in its order, clipped to ± 4.

    Reward and success of a task with memory depend only on this observation and the action. Without the memory, they
    depend on values that the policy cannot see.
    """

    space: spaces.Box

    def __init__(self, inner: ObservationSpace, task: Task):
        """Raises ConfigError if the task has no memory, or if the observation is not a vector of numbers."""
        super().__init__(inner)
        name = type(task).__name__
        if not task.memory:
            raise ConfigError(f"task_memory has no effect: task {name} has no memory; leave it out")
        if not isinstance(inner.space, spaces.Box) or inner.space.dtype != np.float32 or len(inner.space.shape) != 1:
            raise ConfigError(
                "task_memory works with observations of numbers, such as ground_truth, joints and srl_state; leave it out, and "
                "use a policy with memory (algo:=recurrent_ppo)"
            )
        self._task = task
        bound = np.full(len(task.remembered()), LARGEST, np.float32)
        low, high = np.concatenate([inner.space.low, -bound]), np.concatenate([inner.space.high, bound])
        self.space = spaces.Box(low, high, dtype=np.float32)

    def encode(self, step_state: StepState) -> NDArray[np.float32]:
        """See ObservationSpace."""
        memory = np.clip(np.array(self._task.remembered(), np.float32), -LARGEST, LARGEST)
        return np.concatenate([self.inner.encode(step_state), memory])
