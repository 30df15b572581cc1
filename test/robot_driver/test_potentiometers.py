"""Potentiometers of joints: where a joint is when it gets torque again, noise, loose wires."""

from __future__ import annotations

from typing import Any

import pytest
from boards import (
    ELBOW,
    PERIOD_S,
    MockBench,
    elbow_of,
    measured_bench,
)

from robot_driver_ros.boards.links import LinkLost
from robot_interface_ros.errors import RobotError


def test_potentiometers_say_where_a_joint_really_is() -> None:
    bench = measured_bench()
    bench.wait_until_ready()
    bench.drive(*[bench.hardware.description.rest] * 3)
    index = bench.hardware.description.joint_names.index(ELBOW)
    assert bench.driver.angles[index] == pytest.approx(-0.8)
    assert bench.driver.angles[0] == pytest.approx(bench.hardware.description.rest[0], abs=0.002)


def test_a_limp_joint_with_a_potentiometer_begins_where_it_is() -> None:
    """At the start, after it was moved by hand without torque, and after an unplug; other joints resume their last pulse."""
    bench = measured_bench()
    bench.wait_until_ready()
    elbow, rest = elbow_of(bench), bench.hardware.description.rest
    index = bench.hardware.description.joint_names.index(ELBOW)
    bench.drive(*[rest] * 5)
    assert bench.seen(ELBOW).first == [elbow.pulse(-0.8)]
    assert bench.driver.pulses[index] != elbow.pulse(-0.8)  # and from there on its way to rest
    bench.driver.relax()
    bench.megas["right"].analog[4] = 300  # -1.1
    bench.time.pass_()
    bench.driver.poll()
    step = bench.hardware.description.limits.velocity[index] * PERIOD_S
    bench.drive(*[rest] * 3)
    assert elbow.angle(bench.seen(ELBOW).first[-1]) == pytest.approx(-1.1, abs=step + 0.002)
    bench.megas["right"].unplug()
    with pytest.raises(LinkLost):
        bench.driver.drive(rest)
    bench.megas["right"].analog[4] = 700  # -0.5
    bench.megas["right"].plug()
    bench.time.pass_(1.5)
    bench.wait_until_ready()
    bench.drive(*[rest] * 4)
    assert bench.seen(ELBOW).first[-1] == elbow.pulse(-0.5)
    assert len(bench.seen("r_wrist_roll_joint").first) == 3
    assert bench.seen("r_wrist_roll_joint").least == bench.seen("r_wrist_roll_joint").most


def idle_bench() -> tuple[MockBench, Any, int]:
    """All servos without torque, the elbow at its measured position; return bench, positions and the elbow's index."""
    bench = measured_bench()
    bench.wait_until_ready()
    index = bench.hardware.description.joint_names.index(ELBOW)
    target = bench.hardware.description.rest.copy()
    target[index] = -0.8
    bench.drive(*[target] * 200)
    assert bench.driver.powered == ()
    return bench, target, index


def test_an_idle_joint_with_a_potentiometer_stays_idle() -> None:
    bench, target, _ = idle_bench()
    for value in (480, 520, 500, 510):  # it sags, and the converter is noisy
        bench.megas["right"].analog[4] = value
        bench.drive(*[target] * 10)
    assert bench.driver.powered == ()


@pytest.mark.parametrize("value", [0, 15, 985, 1023])
def test_a_potentiometer_whose_wire_is_off_moves_nothing(value: int) -> None:
    bench = measured_bench()
    bench.wait_until_ready()
    bench.drive(*[bench.hardware.description.rest] * 50)
    before = bench.driver.pulses
    bench.megas["right"].analog[4] = value
    message = rf"the potentiometer of {ELBOW} \(A4\) reads {value}, far from its table's 100 to 900; is a wire loose"
    with pytest.raises(RobotError, match=message):
        bench.driver.drive(bench.hardware.description.limits.upper)
    assert bench.driver.pulses == before
    bench.megas["right"].analog[4] = 500
    bench.drive(bench.hardware.description.limits.upper)
    assert bench.driver.pulses != before


def test_the_smallest_steps_move_a_limp_joint_with_a_potentiometer() -> None:
    bench, target, index = idle_bench()
    bench.driver._max_step[index] = 1e-4  # a sixth of a microsecond
    target[index] = -0.5
    bench.drive(*[target] * 1000)
    assert ELBOW in bench.driver.powered
    assert elbow_of(bench).angle(bench.driver.pulses[index]) == pytest.approx(-0.7, abs=0.003)


def test_a_driver_waits_for_what_its_potentiometers_say() -> None:
    bench = measured_bench()
    bench.time.pass_(2.0)
    said = []
    while not bench.driver.poll():
        said.append(bench.driver.problem)
        bench.time.pass_()
    assert said[-1] == f"the potentiometer of {ELBOW} (A4) has not reported a value yet"
