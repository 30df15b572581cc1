"""What every task is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from rl_trainer_ros.arm import Arm, Moment


@dataclass(frozen=True)
class Outcome:
    """What one step brought."""

    reward: float
    terminated: bool
    info: dict[str, Any] = field(default_factory=dict)


class Task(ABC):
    """Draws targets, rewards steps and says when an episode has reached its end. The clock's end is not a task's."""

    max_episode_steps: ClassVar[int]
    """Steps after which an episode is truncated, unless the user says otherwise."""

    def __init__(self, arm: Arm, period_s: float):
        """`period_s`: control period. Subclasses take their settings as keyword arguments."""
        self.arm, self.period_s = arm, period_s

    @abstractmethod
    def draw_target(self, generator: np.random.Generator) -> tuple[float, float, float]:
        """Return the next episode's target, m in the root's frame."""

    @abstractmethod
    def step(self, before: Moment, after: Moment) -> Outcome:
        """Judge one step."""
