"""Ticks of a robot in real time: their grid, late ones, jitter, and cameras that render between them."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_clock import PERIOD, SECOND, Clock

from robot_interface_ros.realtime.camera_turns import CameraTurns
from robot_interface_ros.realtime.ticker import Ticker

pytestmark = pytest.mark.realtime


def test_ticks_lie_on_a_grid_and_small_delays_do_not_move_it() -> None:
    clock = Clock()
    ticker, begin = Ticker(PERIOD, clock), clock.now
    for k in range(1, 6):
        clock.now = begin + k * PERIOD + 1_000_000 * k % 4_000_000
        assert ticker.left_s <= 0.0
        ticker.tick()
        assert ticker.left_s == pytest.approx((begin + (k + 1) * PERIOD - clock.now) * 1e-9)
    assert (ticker.overruns, ticker.missed) == (0, 0)


def test_late_ticks_are_left_out_and_never_made_up_for() -> None:
    clock, generator = Clock(), np.random.default_rng(0)
    ticker, times = Ticker(PERIOD, clock), []
    for _ in range(2000):
        late = generator.exponential(PERIOD) if generator.random() < 0.2 else 0.0
        clock.now += max(0, round(ticker.left_s * 1e9)) + int(late)
        times.append(clock.now)
        ticker.tick()
    assert np.diff(times).min() >= 0.9 * PERIOD - 2
    assert ticker.overruns > 100 and ticker.missed > 50


def test_punctuality_by_hand() -> None:
    """Intervals of 50, 52 and 260 ms: the last is late by 208 ms, four periods without a tick."""
    clock = Clock()
    ticker, begin = Ticker(PERIOD, clock), clock.now
    for at_ms in (50, 100, 152, 412):
        clock.now = begin + at_ms * 1_000_000
        ticker.tick()
    figures = ticker.punctuality()
    assert figures.rate_hz == pytest.approx(3 / 0.362)
    assert figures.jitter_median_ms == pytest.approx(2.0)
    assert (figures.overruns, figures.missed) == (1, 4)
    assert ticker.punctuality().rate_hz == 0.0


def test_a_camera_renders_where_it_fits_and_no_more_often_than_it_may() -> None:
    clock = Clock()
    turns = CameraTurns(PERIOD, 10.0, clock)
    assert turns.choose((), 1, PERIOD) is None  # nobody looks
    assert turns.choose(("a",), 1, PERIOD) == "a"
    turns.rendered("a", 1, PERIOD // 2)
    assert turns.choose(("a",), 2, PERIOD) is None  # 10 Hz: not yet
    clock.now += SECOND // 10
    assert turns.choose(("a",), 2, PERIOD // 4) is None  # it would make the next tick late
    assert turns.choose(("a", "b"), 2, PERIOD // 4) == "b"  # of unknown cost
    assert turns.choose(("a",), 2, 3 * PERIOD // 4) == "a"
    assert not turns.too_slow()


def test_a_camera_that_never_fits_gets_the_beginning_of_a_period() -> None:
    clock = Clock()
    turns = CameraTurns(PERIOD, clock=clock)
    turns.rendered("a", 1, 2 * PERIOD)
    assert turns.choose(("a",), 1, PERIOD) is None  # one picture of one moment
    assert turns.choose(("a",), 2, PERIOD // 2) is None
    assert turns.choose(("a",), 2, PERIOD) == "a"
    assert turns.too_slow() == {"a": 0.1}


def test_several_cameras_take_turns() -> None:
    clock = Clock()
    turns, seen = CameraTurns(PERIOD, 20.0, clock), []
    for stamp in range(40):
        clock.now += PERIOD // 2  # there is time for one picture in each
        camera = turns.choose(("a", "b", "c"), stamp, PERIOD // 2)
        if camera is not None:
            seen.append(camera)
            turns.rendered(camera, stamp, PERIOD // 10)
    assert {name: seen.count(name) for name in "abc"} == pytest.approx({"a": 13, "b": 13, "c": 13}, abs=1)
