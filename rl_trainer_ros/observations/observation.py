"""Base class of observations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from robot_interface_ros.robot import Array


@dataclass(frozen=True)
class NoSettings:
    """An observation without settings."""


class ObservationSpace(ABC):
    """Converts the state of a step to the policy's input."""

    Settings: ClassVar[type[Any]] = NoSettings
    summary: ClassVar[str]
    """One line for lists."""
    shows_target: ClassVar[bool] = True
    """Whether it contains the target. An observation for goal-conditioned learning must not contain it."""
    space: spaces.Space[Any]

    def __init__(self, arm: Arm, settings: Any = None):
        """`settings`: an instance of Settings; None: the defaults."""
        self.arm = arm
        self.settings = settings if settings is not None else self.Settings()

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras whose images this observation needs in every step."""
        return ()

    def begin(self, step_state: StepState) -> None:  # noqa: B027  most observations remember nothing
        """Called at the start of an episode, before its first `encode`, for observations with a memory."""

    def target_estimate(self, step_state: StepState) -> Array | None:
        """Return where this observation takes the target to be, `(3,)` m in the root frame; None: it does not tell."""
        return None

    def target_deviation(self, step_state: StepState) -> float:
        """Return how uncertain `target_estimate` is: the largest standard deviation of its axes, m."""
        return 0.0

    @abstractmethod
    def encode(self, step_state: StepState) -> Any:
        """Return the policy's input, with the shape and type of `space`."""


def joints_box(arm: Arm, low: list[float], high: list[float], velocities: bool = True) -> spaces.Box:
    """Return a space of positions and velocities of `arm.shown_names`, then of values with the bounds `low` and `high`."""
    # A simulated joint may overshoot a limit by the error of its servo, and observations must stay within the bounds.
    limits = arm.description.limits
    margin, speed = 0.2, limits.velocity[arm.shown] * 4 if velocities else np.zeros(0)
    low_all = np.concatenate([limits.lower[arm.shown] - margin, -speed, low])
    high_all = np.concatenate([limits.upper[arm.shown] + margin, speed, high])
    return spaces.Box(low_all.astype(np.float32), high_all.astype(np.float32), dtype=np.float32)


def clipped(space: spaces.Box, values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return `values` within the bounds of the space, float32, of the same shape."""
    # Rounded first: the same numbers, because bounds are float32, and NumPy is faster with arrays of one type.
    return np.minimum(np.maximum(values.astype(np.float32), space.low), space.high)
