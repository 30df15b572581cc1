"""Base classes of the six tasks in a plane: units of the arena, bumps, and success.

They are the continual-learning tasks from around the S-RL Toolbox (Kalifou et al., "Continual Reinforcement Learning deployed
in Real-life using Policy Distillation and Sim2Real Transfer", 2019). There a wheeled robot drives on a floor; here a hand
moves in a plane. Positions are relative to the arena's middle, in units of half_width / 0.85, so that the original formulas
hold.
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
"""lambda in the original paper."""
HISTORY = 10
"""k in the original paper: number of steps over which displacement is measured."""


@dataclass(frozen=True)
class PlaneTaskSettings(TaskSettings):
    """Settings of the tasks in a plane."""

    max_episode_steps: int = option(250, "steps after which an episode is truncated", minimum=1, maximum=10_000_000)
    good_steps: int = option(100, "number of good steps in an episode for a success", minimum=1, maximum=10_000_000)


@dataclass(frozen=True)
class Place:
    """Positions of hand and target in the plane, `(2,)` each, in the arena's units."""

    hand: Array
    target: Array

    @property
    def distance(self) -> float:
        """Distance between hand and target, in the arena's units."""
        return float(np.linalg.norm(self.target - self.hand))

    @property
    def bump(self) -> bool:
        """Whether the hand is outside the arena."""
        return bool(np.abs(self.hand).max() > HALF_WIDTH)


class PlaneTask(Task):
    """A task in the arena. Subclasses implement `judge`, the reward of one step."""

    Settings: ClassVar[type[Any]] = PlaneTaskSettings
    needs = ("arena", "postures.arena")
    posture = "arena"
    action = "plane"
    memory: ClassVar[tuple[str, ...]] = ("good steps so far, divided by the number for a success",)

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
        """Convert a position from the arena's units to m in the root frame."""
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
        """Return the positions of hand and target in the arena."""
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
        """Whether the conditions of success other than the number of good steps are met."""
        return True

    @abstractmethod
    def judge(self, place: Place, moved: float | None) -> tuple[float, bool]:
        """Return the reward of a step, and whether it was a good step.

        `moved`: distance between the hand and its position HISTORY steps ago, in the arena's units; None in the first steps.
        """


def curve_reward(error: float, moved: float | None, bump: bool) -> float:
    """Return lambda (1 - error^2) moved - lambda^2 bump. If `moved` is None, this factor is left out."""
    reward = SCALE * (1.0 - error * error) * (1.0 if moved is None else moved)
    return reward - SCALE * SCALE * bump


class CurveTask(PlaneTask):
    """Move along a curve; faster motion gets a higher reward."""

    TOLERANCE = 0.15
    """Largest error of the curve's equation in a good step."""
    SPEED = 0.15
    """Least motion in HISTORY steps for a good step, in the arena's units: a third of what InMoov's hand can do."""
    INSIDE: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    """Points inside the curve. A success needs a full turn about one of them, so that moving back and forth is not enough."""
    ROUND = 0.95 * 2.0 * math.pi
    memory = (
        *PlaneTask.memory,
        "turns about each point inside the curve",
        f"positions of the hand 1 to {HISTORY} steps ago, relative to its present one, in the arena's units",
        f"share of these {HISTORY} steps that exist already",
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
        """Return the direction of the hand from each point of INSIDE, rad."""
        return [math.atan2(hand[1] - y, hand[0] - x) for x, y in self.INSIDE]

    @abstractmethod
    def error(self, hand: Array) -> float:
        """Return the value of the curve's equation at `hand`, `(2,)` in the arena's units; 0 on the curve."""
