"""What every task is."""

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
    """What one step brought."""

    reward: float
    terminated: bool
    info: dict[str, Any] = field(default_factory=dict)
    """Always has `is_success` and `distance` (hand to target, m)."""


@dataclass(frozen=True)
class TaskSettings:
    """Settings that every task has; a task's own derive from it."""

    max_episode_steps: int = option(120, "steps after which an episode is truncated", minimum=1, maximum=10_000_000)


class Task(ABC):
    """Draws targets, rewards steps and says when an episode has reached its end. The clock's end is not a task's."""

    Settings: ClassVar[type[Any]] = TaskSettings
    """A frozen dataclass with `option(...)` fields, derived from TaskSettings."""
    summary: ClassVar[str]
    """One line for lists."""
    world: ClassVar[str] = "reach"
    """What stands around the robot: a name in `config/worlds/`."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Entries of the robot's file without which it cannot be: `table`, `arena`."""
    signals: ClassVar[tuple[str, ...]] = ()
    """What `step` reads of `Observation.signals`."""
    target_moves: ClassVar[bool] = False
    """Whether the target goes elsewhere within an episode, so that the robot must say where it is."""
    posture: ClassVar[str] = ""
    """The robot's posture in which episodes begin, by name; empty: its rest."""
    memory: ClassVar[tuple[str, ...]] = ()
    """What it remembers of an episode and reward or success depend on, in words; the policy sees it with `task_memory` only."""
    action: ClassVar[str] = "joint_velocity"
    """The action where none is chosen."""

    def __init__(self, arm: Arm, period_s: float, settings: Any):
        """`period_s`: control period; `settings`: an instance of Settings."""
        self.arm, self.period_s = arm, period_s
        self.max_episode_steps: int = settings.max_episode_steps
        self.success_radius_m: float | None = getattr(settings, "success_distance_m", None)
        """How near the target counts as success, m, to be drawn; None where success is not a matter of distance."""

    @abstractmethod
    def draw_target(self, generator: np.random.Generator) -> Target:
        """Return where the target is in the next episode's first observation, m in the root's frame."""

    def start(self, step_state: StepState) -> None:  # noqa: B027  most tasks remember nothing
        """Begin an episode with its first observation; a task that remembers something forgets it here."""

    def remembered(self) -> tuple[float, ...]:
        """Return the numbers of `memory` as they are now, of about 1; always as many, also before the first episode."""
        return ()

    @abstractmethod
    def step(self, before: StepState, after: StepState) -> Outcome:
        """Judge one step."""

    def goal_reward(self, achieved: NDArray[np.floating], desired: NDArray[np.floating]) -> Any:
        """Return the reward as a function of where hand and target are alone, for arrays `(..., 3)` m: shape `(...)`.

        Goal-conditioned learning asks for it. Raises ConfigError where the reward is no such function.
        """
        from robot_interface_ros.config import ConfigError

        raise ConfigError(f"{type(self).__name__}: its reward is no function of goal and hand alone; use task reach")
