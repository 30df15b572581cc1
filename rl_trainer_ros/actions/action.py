"""What every action is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array, Observation


@dataclass(frozen=True)
class NoSettings:
    """An action without settings."""


class Action(ABC):
    """What a policy's numbers mean for the joints.

    A policy's number is first turned into a motion, `(k,)` in [-1, 1], where 1 is as far as one control period allows; the
    motion then into joint targets. Targets start from what is really executed, so that nothing winds up behind a limit.
    """

    Settings: ClassVar[type[Any]] = NoSettings
    summary: ClassVar[str]
    """One line for lists."""
    discrete: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    """Entries of the robot's file without which it cannot be: `arena`."""
    space: spaces.Space[Any]

    def __init__(self, arm: Arm, period_s: float, settings: Any = None):
        """`period_s`: control period; `settings`: an instance of Settings, None for the defaults."""
        self.arm, self.period_s = arm, period_s
        self.settings = settings if settings is not None else self.Settings()

    @abstractmethod
    def motion(self, action: Any) -> Array:
        """Return the motion that is asked for, `(k,)` in [-1, 1]. Raises RobotError for what is no action."""

    @abstractmethod
    def apply(self, motion: Array, observation: Observation) -> Array:
        """Return targets of all joints, `(n_joints,)` rad, for a motion `(k,)` in [-1, 1]."""

    def targets(self, action: Any, observation: Observation) -> Array:
        """Return targets of all joints, `(n_joints,)` rad. Raises RobotError for NaN or a wrong shape."""
        return self.apply(self.motion(action), observation)


class BoxAction(Action):
    """An action that is its own motion: one number in [-1, 1] for each of `labels`."""

    labels: tuple[str, ...]

    def _label(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self.space = spaces.Box(-1.0, 1.0, (len(labels),), np.float32)

    def motion(self, action: NDArray[np.floating]) -> Array:
        """See Action."""
        action = np.asarray(action, dtype=np.float64)
        if action.shape != self.space.shape:
            raise RobotError(f"action has shape {action.shape}; expected {self.space.shape}: {', '.join(self.labels)}")
        if not np.isfinite(action).all():
            raise RobotError(f"action is {action.tolist()}; expected finite numbers in [-1, 1]. Did training diverge?")
        within: Array = np.minimum(np.maximum(action, -1.0), 1.0)
        return within
