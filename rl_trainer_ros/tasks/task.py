"""Base class of tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from robot_interface_ros.config import option

Target = tuple[float, float, float]


@dataclass(frozen=True)
class Outcome:
    """Result of one step: reward, end of the episode, information."""

    reward: float
    terminated: bool
    info: dict[str, Any] = field(default_factory=dict)
    """Always has `is_success` and `distance` (hand to target, m)."""


@dataclass(frozen=True)
class TaskSettings:
    """Settings that every task has. The settings of a task derive from this class."""

    max_episode_steps: int = option(120, "steps after which an episode is truncated", minimum=1, maximum=10_000_000)


class Task(ABC):
    """Samples targets, computes rewards and terminates episodes. The environment truncates them at `max_episode_steps`."""

    Settings: ClassVar[type[TaskSettings]] = TaskSettings
    """A frozen dataclass with `option(...)` fields, derived from TaskSettings."""
    summary: ClassVar[str]
    """One line for lists."""
    world: ClassVar[str] = "reach"
    """World around the robot: a name in `config/worlds/`."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Entries of the robot file that the task needs: `table`, `arena`, `postures.<name>`."""
    signals: ClassVar[tuple[str, ...]] = ()
    """Names of the entries of `Observation.signals` that `step` reads."""
    target_moves: ClassVar[bool] = False
    """Whether the target moves within an episode, so that the robot must publish its position."""
    posture: ClassVar[str] = ""
    """Name of the robot's posture in which episodes begin; empty: its rest."""
    memory: ClassVar[tuple[str, ...]] = ()
    """Description of each number of `remembered`. Reward or success depend on them; the policy sees them with `task_memory`."""
    action: ClassVar[str] = "joint_velocity"
    """The default action."""

    def __init__(self, arm: Arm, period_s: float, settings: Any):
        """`period_s`: control period; `settings`: an instance of Settings."""
        self.arm, self.period_s = arm, period_s
        self.max_episode_steps: int = settings.max_episode_steps
        self.success_radius_m: float | None = getattr(settings, "success_distance_m", None)
        """Radius around the target that counts as success, m, for display; None if success does not depend on distance."""

    @abstractmethod
    def draw_target(self, generator: np.random.Generator) -> Target:
        """Return the target's position at the start of the next episode, m in the root frame."""

    def start(self, step_state: StepState) -> None:  # noqa: B027  most tasks have no memory
        """Begin an episode with its first observation. A task with memory clears it here."""

    def remembered(self) -> tuple[float, ...]:
        """Return the present numbers of `memory`, of magnitude about 1. Their count is fixed, also before the first episode."""
        return ()

    @abstractmethod
    def step(self, before: StepState, after: StepState) -> Outcome:
        """Return the outcome of one step."""

    def goal_reward(self, achieved: NDArray[np.floating], desired: NDArray[np.floating]) -> Any:
        """Return rewards computed from the positions of hand and target only, `(..., 3)` m each: shape `(...)`.

        Goal-conditioned learning calls it. Raises ConfigError if the reward depends on anything else.
        """
        from robot_interface_ros.config import ConfigError

        raise ConfigError(f"{type(self).__name__}: its reward depends on more than goal and hand; use task reach")
