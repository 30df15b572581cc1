"""A model of the time of one step of all robots over topics, fitted to measurements. See scale.py.

The trainer's thread works, and then it waits for the simulators. Its work is measured alone, as processor time, so the two
parts have costs of their own: both grow with the robots, and from the sum alone they could not be told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.ros.robot_client.batch import part_of

TERMS = ("trainer: step", "trainer: message", "trainer: robot", "wake-up", "message", "simulation", "network")
UNITS = (
    *("a step of all robots", "a message and its answer", "a robot's step"),
    *("a step of all robots", "a message and its answer", "a robot's step on its core"),
    "a message and its answer between hosts",
)
"""What each of TERMS is the cost of."""
_WORK = 3
"""The first terms are the trainer's work, the others its waiting."""


@dataclass(frozen=True)
class Setup:
    """Robots of one trainer, in lockstep."""

    robots: int
    processes: int
    """Simulators, over all hosts; the robots are shared out evenly."""
    hosts: int = 1
    cores: int = 1
    """Cores on which simulators work, over all hosts."""

    @property
    def messages(self) -> int:
        """Messages each way in one step of all robots."""
        each = -(-self.robots // self.processes)
        return self.processes * -(-each // part_of(each))

    @property
    def amounts(self) -> list[float]:
        """How much of each of TERMS is in one step of all robots."""
        at_once = min(self.processes, self.cores)
        between = self.messages * float(self.hosts > 1)
        return [1.0, self.messages, self.robots, 1.0, self.messages, self.robots / at_once, between]


@dataclass(frozen=True)
class Measured:
    """One step of all robots, us."""

    step_us: float
    """By the clock."""
    trainer_us: float
    """Processor time of the trainer's thread."""


def fit(setups: Sequence[Setup], measured: Sequence[Measured]) -> NDArray[np.float64]:
    """Return the cost of each of TERMS, us, none negative, with the least squares of errors relative to the step's time."""
    amounts = np.array([setup.amounts for setup in setups])
    steps = np.array([one.step_us for one in measured])
    works = np.array([one.trainer_us for one in measured])
    parts = ((amounts[:, :_WORK], works), (amounts[:, _WORK:], steps - works))
    return np.concatenate([_not_negative(rows / steps[:, None], us / steps) for rows, us in parts])


def _not_negative(rows: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    used = list(np.flatnonzero(rows.any(axis=0)))
    while True:
        costs = np.zeros(rows.shape[1])
        costs[used] = np.linalg.lstsq(rows[:, used], values, rcond=None)[0]
        if (costs >= 0.0).all() or len(used) == 1:
            return np.maximum(costs, 0.0)
        used.remove(int(np.argmin(costs)))


def predict(costs: NDArray[np.float64], setup: Setup) -> float:
    """Return the time of one step of all robots, us."""
    return float(np.dot(costs, setup.amounts))


def errors(setups: Sequence[Setup], measured: Sequence[Measured]) -> list[float]:
    """Return the relative error of the prediction of each setup by a model that is fitted to all others."""
    found = []
    for k, setup in enumerate(setups):
        others = [i for i in range(len(setups)) if i != k]
        costs = fit([setups[i] for i in others], [measured[i] for i in others])
        found.append(predict(costs, setup) / measured[k].step_us - 1.0)
    return found
