"""What every observation is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState


@dataclass(frozen=True)
class NoSettings:
    """An observation without settings."""


class ObservationSpace(ABC):
    """Turns a moment into the policy's input."""

    Settings: ClassVar[type[Any]] = NoSettings
    summary: ClassVar[str]
    """One line for lists."""
    shows_target: ClassVar[bool] = True
    """Whether the target can be seen in it; what goal-conditioned learning puts beside its goals must not."""
    space: spaces.Space[Any]

    def __init__(self, arm: Arm, settings: Any = None):
        """`settings`: an instance of Settings, None for the defaults."""
        self.arm = arm
        self.settings = settings if settings is not None else self.Settings()

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras whose images it needs in every observation of the robot."""
        return ()

    @abstractmethod
    def encode(self, step_state: StepState) -> Any:
        """Return the observation, of the space's shape and type."""


def joints_box(arm: Arm, low: list[float], high: list[float], velocities: bool = True) -> spaces.Box:
    """Joint positions and velocities of `arm.moved_names`, then what has the bounds `low` and `high`."""
    # Physics may overshoot a limit by the error of a servo; a bound that an observation crosses would be a lie.
    limits = arm.description.limits
    margin, speed = 0.2, limits.velocity[arm.moved] * 4 if velocities else np.zeros(0)
    low_all = np.concatenate([limits.lower[arm.moved] - margin, -speed, low])
    high_all = np.concatenate([limits.upper[arm.moved] + margin, speed, high])
    return spaces.Box(low_all.astype(np.float32), high_all.astype(np.float32), dtype=np.float32)


def clipped(space: spaces.Box, values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return `values` within the space's bounds, float32."""
    return np.minimum(np.maximum(values, space.low), space.high).astype(np.float32)
