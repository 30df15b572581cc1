"""The model of benchmarks/scale.py finds the costs of a step again, and predicts a setup that it has not seen."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")  # the number of messages is the trainer's
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from scale_model import TERMS, UNITS, Measured, Setup, errors, fit, predict

COSTS = np.array([100.0, 50.0, 400.0, 200.0, 70.0, 60.0, 80.0])
SETUPS = [
    Setup(robots, processes, hosts, cores=max(1, hosts))
    for robots, processes, hosts in (
        (1, 1, 1),
        (4, 1, 1),
        (16, 1, 1),
        (64, 1, 1),
        (16, 2, 1),
        (64, 4, 1),
        (64, 8, 1),
        (16, 2, 2),
        (4, 1, 2),
        (64, 2, 2),
    )
]


def exact(setup: Setup) -> Measured:
    """Return the times of a step with COSTS."""
    work = float(np.dot(COSTS[:3], setup.amounts[:3]))
    return Measured(work + float(np.dot(COSTS[3:], setup.amounts[3:])), work)


def test_messages_are_counted_in_parts() -> None:
    assert [Setup(*setup).messages for setup in ((1, 1), (16, 1), (64, 1), (16, 8), (64, 8))] == [1, 4, 4, 16, 32]


def test_exact_times_give_the_costs_again_and_no_error() -> None:
    times = [exact(setup) for setup in SETUPS]
    assert fit(SETUPS, times) == pytest.approx(COSTS)
    assert errors(SETUPS, times) == pytest.approx([0.0] * len(SETUPS), abs=1e-9)
    planned = Setup(1000, 64, 64, 64)
    assert predict(COSTS, planned) == pytest.approx(300 + 256 * 200 + 1000 * 400 + 1000 / 64 * 60)
    assert len(TERMS) == len(UNITS) == len(planned.amounts)


def test_no_cost_is_negative() -> None:
    times = [Measured(1000.0 / setup.robots, 300.0 / setup.robots) for setup in SETUPS]
    assert (fit(SETUPS, times) >= 0.0).all()
