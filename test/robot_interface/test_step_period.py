"""A client in real time sees every tick of the robot once, also with drifting clocks."""

from __future__ import annotations

import numpy as np
import pytest

from robot_interface_ros.realtime.ticker import StepPeriod

pytestmark = pytest.mark.realtime
PERIOD_S = 0.05


@pytest.mark.parametrize("drift", [0.0, 3e-4, -3e-4])
def test_each_period_has_one_new_tick(drift: float) -> None:
    """Ticks 300 ppm too fast or too slow, each up to 4 ms late: uncorrected, the phase would be lost after some 600 periods."""
    generator, steps = np.random.default_rng(0), 3000
    arrivals = np.arange(1, steps + 50) * PERIOD_S * (1.0 + drift) + generator.uniform(0.0, 0.004, steps + 49)
    period, seen = StepPeriod(PERIOD_S), []
    period.restart(arrivals[0])
    now = arrivals[0] + 0.001
    for _ in range(steps):
        newest = int(np.searchsorted(arrivals, now, side="right")) - 1
        period.begin(now, arrivals[newest])
        newest = int(np.searchsorted(arrivals, period.due, side="right")) - 1
        seen.append(newest)
        now = period.due + 0.012  # the policy takes its time
        period.ended(arrivals[newest])
    assert np.diff(seen).tolist() == [1] * (steps - 1)
    assert period.overruns == 0


def test_a_late_command_gets_a_whole_period_that_ends_behind_a_tick() -> None:
    period = StepPeriod(1.0)
    period.restart(10.0)
    assert period.due == pytest.approx(10.2)
    period.begin(10.3, 10.0)
    assert (period.due, period.overruns) == (pytest.approx(11.2), 0)
    period.begin(14.9, 14.0)  # ticks come at 14, 15, 16; a period from 14.9 is over at 15.9 at the earliest
    assert (period.due, period.overruns) == (pytest.approx(16.2), 1)


def test_a_single_late_message_moves_little() -> None:
    period = StepPeriod(1.0)
    period.restart(10.0)
    period.begin(10.1, 10.0)
    period.ended(11.15)
    assert period.due == pytest.approx(11.22)
