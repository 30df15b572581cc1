"""Base classes of actions."""

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
    """Converts the policy's output to joint targets.

    The output is first converted to a motion, `(k,)` in [-1, 1], where 1 is the largest motion of one control period; then
    the motion is converted to joint targets. These start from the executed joint targets, so that nothing winds up at a limit.
    """

    Settings: ClassVar[type[Any]] = NoSettings
    summary: ClassVar[str]
    """One line for lists."""
    discrete: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    """Entries of the robot file that the action needs: `arena`."""
    space: spaces.Space[Any]

    def __init__(self, arm: Arm, period_s: float, settings: Any = None):
        """`period_s`: control period; `settings`: an instance of Settings; None: the defaults."""
        self.arm, self.period_s = arm, period_s
        self.settings = settings if settings is not None else self.Settings()

    @abstractmethod
    def motion(self, action: Any) -> Array:
        """Return the requested motion, `(k,)` in [-1, 1]. Raises RobotError for an invalid action."""

    @abstractmethod
    def apply(self, motion: Array, observation: Observation) -> Array:
        """Return the targets of all joints, `(n_joints,)` rad, for a motion `(k,)` in [-1, 1]."""

    def targets(self, action: Any, observation: Observation) -> Array:
        """Return the targets of all joints, `(n_joints,)` rad. Raises RobotError for NaN or a wrong shape."""
        return self.apply(self.motion(action), observation)


class BoxAction(Action):
    """A continuous action, which equals its motion: one number in [-1, 1] for each of `labels`."""

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
