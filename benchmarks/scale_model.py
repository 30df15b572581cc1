"""A model of the time of one step of all robots over topics, fitted to measurements. See scale.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.ros.robot_client.batch import part_of

TERMS = ("wake-up", "publication", "trainer", "simulation", "network")


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
        return [1.0, self.messages, self.robots, self.robots / at_once, self.messages * float(self.hosts > 1)]


def fit(setups: Sequence[Setup], measured_us: Sequence[float]) -> NDArray[np.float64]:
    """Return the cost of each of TERMS, us, none negative, with the least squares of relative errors.

    `measured_us`: time of a step of all robots, for each setup.
    """
    rows = np.array([setup.amounts for setup in setups]) / np.array(measured_us)[:, None]
    used = list(np.flatnonzero(rows.any(axis=0)))
    while True:
        costs = np.zeros(len(TERMS))
        costs[used] = np.linalg.lstsq(rows[:, used], np.ones(len(rows)), rcond=None)[0]
        if (costs >= 0.0).all() or len(used) == 1:
            return np.maximum(costs, 0.0)
        used.remove(int(np.argmin(costs)))


def predict(costs: NDArray[np.float64], setup: Setup) -> float:
    """Return the time of one step of all robots, us."""
    return float(np.dot(costs, setup.amounts))


def errors(setups: Sequence[Setup], measured_us: Sequence[float]) -> list[float]:
    """Return the relative error of the prediction of each setup by a model that is fitted to all others."""
    found = []
    for k, setup in enumerate(setups):
        others = [i for i in range(len(setups)) if i != k]
        costs = fit([setups[i] for i in others], [measured_us[i] for i in others])
        found.append(predict(costs, setup) / measured_us[k] - 1.0)
    return found
