"""What the six tasks in a plane share: the arena's units, its bumps, and how success is told.

They are the continual-learning tasks of the S-RL Toolbox's line (Kalifou et al., "Continual Reinforcement Learning deployed
in Real-life using Policy Distillation and Sim2Real Transfer", 2019), moved from a wheeled robot's floor to the plane that a
hand sweeps. Positions are counted from the arena's middle in units of half_width / 0.85, so that the formulas hold unchanged.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.tasks.task import Outcome, Target, Task, TaskSettings
from robot_interface_ros.config import option
from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import HALF_WIDTH_IN_UNITS

HALF_WIDTH = HALF_WIDTH_IN_UNITS
RADIUS = 0.6125
SCALE = 10.0
"""lambda of the original."""
HISTORY = 10
"""k: displacement is measured over so many steps."""


@dataclass(frozen=True)
class PlaneTaskSettings(TaskSettings):
    """Settings of the tasks in a plane."""

    max_episode_steps: int = option(250, "steps after which an episode is truncated", minimum=1, maximum=10_000_000)
    good_steps: int = option(100, "good steps in an episode that make a success", minimum=1, maximum=10_000_000)


@dataclass(frozen=True)
class Place:
    """Where hand and target are in the plane, `(2,)` each, in the arena's units."""

    hand: Array
    target: Array

    @property
    def distance(self) -> float:
        """Between hand and target, in the arena's units."""
        return float(np.linalg.norm(self.target - self.hand))

    @property
    def bump(self) -> bool:
        """Whether the hand is outside the arena."""
        return bool(np.abs(self.hand).max() > HALF_WIDTH)


class PlaneTask(Task):
    """A task in the arena. Subclasses judge one step by `judge`."""

    Settings: ClassVar[type[Any]] = PlaneTaskSettings
    needs = ("arena", "postures.arena")
    posture = "arena"
    action = "plane"
    memory: ClassVar[tuple[str, ...]] = ("good steps so far, as a share of those that make a success",)

    def __init__(self, arm: Arm, period_s: float, settings: PlaneTaskSettings):
        super().__init__(arm, period_s, settings)
        arena = arm.arena
        self._centre, self._unit_m = np.array(arena.centre), arena.unit_m
        self._good_steps = settings.good_steps
        self._good = 0
        self._history: deque[Array] = deque(maxlen=HISTORY + 1)

    def draw_target(self, generator: np.random.Generator) -> Target:
        """See Task: the arena's middle."""
        return self.place_m(0.0, 0.0)

    def place_m(self, x: float, y: float) -> Target:
        """Return a place in the arena's units as m in the root's frame."""
        cx, cy, cz = self._centre.tolist()
        return cx + x * self._unit_m, cy + y * self._unit_m, cz

    def start(self, step_state: StepState) -> None:
        """See Task."""
        self._good = 0
        self._history.clear()
        self._history.append(self.place(step_state).hand)

    def remembered(self) -> tuple[float, ...]:
        """See Task."""
        return (self._good / self._good_steps,)

    def place(self, step_state: StepState) -> Place:
        """Return where hand and target are in the arena."""
        hand = (step_state.hand - self._centre)[:2] / self._unit_m
        target = (step_state.observation.target_position - self._centre)[:2] / self._unit_m
        return Place(hand, target)

    def step(self, before: StepState, after: StepState) -> Outcome:
        """See Task."""
        place = self.place(after)
        self._history.append(place.hand)
        full = len(self._history) > HISTORY
        moved = float(np.linalg.norm(self._history[-1] - self._history[0])) if full else None
        reward, good = self.judge(place, moved)
        self._good += good
        info = {
            "distance": after.distance,
            "is_success": self._good >= self._good_steps and self.complete,
            "good_steps": self._good,
            "bump": place.bump,
        }
        return Outcome(reward, False, info)

    @property
    def complete(self) -> bool:
        """Whether enough good steps are a success."""
        return True

    @abstractmethod
    def judge(self, place: Place, moved: float | None) -> tuple[float, bool]:
        """Return a step's reward and whether it was a good one.

        `moved`: how far the hand is from where it was HISTORY steps ago, in the arena's units; None before there were so many.
        """


def curve_reward(error: float, moved: float | None, bump: bool) -> float:
    """Return lambda (1 - error^2) moved - lambda^2 bump; before the history is full the factor `moved` is left out."""
    reward = SCALE * (1.0 - error * error) * (1.0 if moved is None else moved)
    return reward - SCALE * SCALE * bump


class CurveTask(PlaneTask):
    """Go along a curve, the faster the better."""

    TOLERANCE = 0.15
    """Error of the curve's equation that a good step may have."""
    SPEED = 0.15
    """What the hand must have moved in HISTORY steps for a good step, in the arena's units: a third of what InMoov's can."""
    INSIDE: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    """Places that the curve goes round. To and fro across it is not along it, so a success has been round one of them."""
    ROUND = 0.95 * 2.0 * math.pi
    memory = (
        *PlaneTask.memory,
        "how far round the curve, in turns, for each place inside",
        f"where the hand was 1 to {HISTORY} steps ago, from where it is, in the arena's units",
        f"share of these {HISTORY} steps that have been",
    )

    def __init__(self, arm: Arm, period_s: float, settings: PlaneTaskSettings):
        super().__init__(arm, period_s, settings)
        self._turned = [0.0] * len(self.INSIDE)
        self._angles = list(self._turned)

    def start(self, step_state: StepState) -> None:
        """See Task."""
        super().start(step_state)
        self._turned, self._angles = [0.0] * len(self.INSIDE), self._seen_from_inside(self.place(step_state).hand)

    def remembered(self) -> tuple[float, ...]:
        """See Task."""
        places = np.array(self._history or [(0.0, 0.0)])[::-1]
        ways = places[np.minimum(np.arange(1, HISTORY + 1), len(places) - 1)] - places[0]
        turns = [turned / (2.0 * math.pi) for turned in self._turned]
        return *super().remembered(), *turns, *ways.ravel().tolist(), (len(places) - 1) / HISTORY

    def judge(self, place: Place, moved: float | None) -> tuple[float, bool]:
        """See PlaneTask."""
        error, angles = self.error(place.hand), self._seen_from_inside(place.hand)
        for i, (now, before) in enumerate(zip(angles, self._angles)):
            self._turned[i] += math.remainder(now - before, 2.0 * math.pi)
        self._angles = angles
        good = abs(error) < self.TOLERANCE and moved is not None and moved > self.SPEED and not place.bump
        return curve_reward(error, moved, place.bump), good

    @property
    def complete(self) -> bool:
        """See PlaneTask."""
        return any(abs(turned) >= self.ROUND for turned in self._turned)

    def _seen_from_inside(self, hand: Array) -> list[float]:
        """Direction of the hand from each place inside, rad."""
        return [math.atan2(hand[1] - y, hand[0] - x) for x, y in self.INSIDE]

    @abstractmethod
    def error(self, hand: Array) -> float:
        """Return the curve's equation at `hand`, `(2,)` in the arena's units; 0 on the curve."""
