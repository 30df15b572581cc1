"""The driver on mock boards: pulses on the pins for any input."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os

import numpy as np
import pytest
from boards import (
    ELBOW,
    PERIOD_NS,
    PERIOD_S,
    VERSIONS,
    Time,
    bully,
    elbow_of,
    in_real_time,
    measured_bench,
    ready_bench,
    safe,
)

from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard, Pulse
from robot_driver_ros.boards.mock_mega import MockMega
from robot_driver_ros.mock_robot import MockRobot
from robot_driver_ros.servos.servo_robot import ServoRobot
from robot_interface_ros.errors import RobotError
from robot_interface_ros.realtime.realtime_robot import RealTimeRobot
from robot_interface_ros.robot import Command, Episode

COMMANDS = int(os.environ.get("COMMANDS", "20000"))  # hostile ones; 100000 take five times as long


@pytest.mark.parametrize("version", VERSIONS)
def test_the_first_pulse_of_every_servo_is_its_rest_pose(version: tuple[int, int]) -> None:
    bench = ready_bench(version)
    rest = bench.hardware.description.rest
    bench.drive(*[rest + 1.0] * 5)
    for servo, angle in zip(bench.hardware.servos, rest):
        assert bench.seen(servo.joint).first == [servo.pulse(angle)]


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_idle_servos_go_limp_and_come_back_without_a_jump(version: tuple[int, int]) -> None:
    bench = ready_bench(version)
    description = bench.hardware.description
    target = description.rest.copy()
    generator = np.random.default_rng(4)
    bench.drive(*[target] * 10)
    for _ in range(3000):  # a minute in which, each second, a few joints move
        if generator.random() < 0.02:
            moving = generator.random(len(target)) < 0.1
            target = np.where(
                moving, generator.uniform(description.limits.lower, description.limits.upper), bench.driver.angles
            )
        told = [servo.pulse(angle) for servo, angle in zip(bench.hardware.servos, bench.driver.angles)]
        before = set(bench.driver.powered)
        bench.drive(target)
        for servo, us, speed in zip(bench.hardware.servos, told, description.limits.velocity):
            if servo.joint in set(bench.driver.powered) - before:
                bench.run_boards()
                step_us = abs(servo.angle(us + 1) - servo.angle(us))
                assert abs(bench.seen(servo.joint).first[-1] - us) <= speed * PERIOD_S / step_us + 1.0
    counts = [len(bench.seen(servo.joint).first) for servo in bench.hardware.servos]
    assert sum(counts) > 2 * len(counts)  # many came back
    bench.drive(*[bench.driver.angles] * 151)  # 3 s
    bench.drive(bench.driver.angles)
    assert bench.driver.powered == ()
    assert not any(mega.pulses() for mega in bench.megas.values())


@pytest.mark.slow
def test_no_pulse_leaves_its_limits_whatever_is_commanded() -> None:
    bench = ready_bench()

    def tick(robot: RealTimeRobot) -> None:
        robot.tick()
        bench.time.pass_()

    assert bully(in_real_time(bench), COMMANDS, 10, tick) > 0.3 * COMMANDS
    both_ends = []
    for servo in bench.hardware.servos:
        seen = bench.seen(servo.joint)
        low, high = sorted((servo.pulse(servo.lower), servo.pulse(servo.upper)))
        assert servo.min_us <= low <= seen.least < seen.most <= high <= servo.max_us
        both_ends.append((seen.least, seen.most) == (low, high))
    assert np.mean(both_ends) > 0.9


def test_nan_past_all_checks_moves_nothing() -> None:
    bench = ready_bench()
    bench.drive(*[bench.hardware.description.rest] * 5)
    before = {name: mega.pulses() for name, mega in bench.megas.items()}
    target = bench.hardware.description.rest.copy()
    target[3] = math.nan
    with pytest.raises(ValueError, match="is nan"):
        bench.driver.drive(target)
    assert {name: mega.pulses() for name, mega in bench.megas.items()} == before


def test_a_target_far_away_is_ramped_to_by_the_driver_alone() -> None:
    bench = ready_bench()
    description = bench.hardware.description
    bench.drive(description.rest)
    for _ in range(20):
        before = bench.driver.angles
        bench.drive(description.limits.upper)
        slack = [abs(servo.angle(1001) - servo.angle(1000)) for servo in bench.hardware.servos]  # a microsecond
        assert (np.abs(bench.driver.angles - before) <= description.limits.velocity * PERIOD_S + slack).all()


def test_a_reset_ramps_to_rest_and_answers() -> None:
    bench = ready_bench()
    robot, ends = in_real_time(bench), []
    description = bench.hardware.description
    for _ in range(200):
        robot.command(Command(0, robot.joint_names, description.limits.lower))
        robot.tick()
        bench.time.pass_()
    robot.start_reset(lambda: Episode(0, (0.3, -0.2, 1.2)), ends.append)
    for _ in range(1000):
        robot.tick()
        bench.time.pass_()
        if ends:
            break
    np.testing.assert_allclose(ends[0].position, description.rest, atol=0.002)
    np.testing.assert_array_equal(ends[0].target_position, (0.3, -0.2, 1.2))


def test_disabling_takes_the_torque_off() -> None:
    bench = ready_bench()
    robot = in_real_time(bench)
    robot.tick()
    assert len(bench.driver.powered) == 28
    robot.enable(False)
    robot.tick()
    assert bench.driver.powered == ()


def test_a_posture_that_is_not_allowed_stops_the_targets_and_winds_nothing_up() -> None:
    bench = ready_bench()
    lift = bench.hardware.description.joint_names.index("r_shoulder_lift_joint")
    robot = safe(bench, lambda before, after: bool(after[lift] > -0.3))
    robot.stand()
    lower, upper = bench.hardware.description.limits.lower, bench.hardware.description.limits.upper
    targets = [robot.receive().joint_target]
    for _ in range(300):
        robot.accept(Command(0, robot.joint_names, lower))
        robot.track()
        targets.append(robot.receive().joint_target)
        bench.time.pass_()
    assert -0.3 < robot.receive().joint_target[lift] < -0.29
    changes = np.abs(np.diff(targets, 2, axis=0))  # of a step, from one period to the next
    assert (changes <= bench.hardware.description.max_acceleration * PERIOD_S**2 + 1e-12).all()
    robot.accept(Command(0, robot.joint_names, upper))
    for _ in range(10):
        robot.track()
        bench.time.pass_()
    assert robot.receive().joint_target[lift] > -0.29  # at once


class Body(MockRobot):
    """Moves to the command, at most 0.02 rad per period."""

    def send(self, command: Command) -> None:
        way = np.clip(command.position - self.receive().position, -0.02, 0.02)
        super().send(dataclasses.replace(command, position=self.receive().position + way))


def test_a_body_whose_pulses_end_stays_where_it_stands() -> None:
    """Also after a shortened pulse, which no servo can follow within a period."""
    bench = measured_bench()
    hardware, pulses = bench.hardware, {"right": dict[int, int]()}
    body = Body(hardware.description, PERIOD_NS)
    robot = ServoRobot(hardware, bench.driver, PERIOD_NS, body, {"right": lambda: pulses["right"]})
    elbow, index = elbow_of(bench), hardware.description.joint_names.index(ELBOW)

    def pass_(*widths: int) -> float:
        for us in widths:
            pulses["right"] = {elbow.config.pin: us} if us else {}
            with contextlib.suppress(RobotError):  # the boards are not open
                robot.send(Command(0, robot.joint_names, hardware.parked))
        return float(robot.receive().position[index])

    assert pass_(0, 0) == pytest.approx(-0.4)
    assert pass_(*[elbow.pulse(-0.9)] * 10) == pytest.approx(-0.6)  # half-way
    assert pass_(*[0] * 50) == pytest.approx(-0.6)
    assert pass_(40, *[0] * 50) == pytest.approx(-0.58)
    assert pass_(*[elbow.pulse(-0.9)] * 50) == pytest.approx(-0.9, abs=0.002)


@pytest.mark.parametrize("version", VERSIONS)
def test_pins_keep_their_own_pulse_in_whatever_order_they_come_and_go(version: tuple[int, int]) -> None:
    time, generator = Time(), np.random.default_rng(7)
    mega = MockMega(time, version=version)
    board = FirmataBoard("left", mega.connect, time)
    board.open()
    while board.poll() is not BoardState.READY:
        time.pass_()
    pins = [*range(2, 14), 22, 24, 26, 27, 28]
    pulses = {pin: Pulse(600 + 10 * pin, 560, 2400) for pin in pins}
    board.attach(pulses)
    for _ in range(300):
        some = generator.permutation(pins)[: generator.integers(1, 9)].tolist()
        if generator.random() < 0.5:
            board.detach(some)
        else:
            board.attach({pin: pulses[pin] for pin in some})
        time.pass_()
        assert set(mega.pulses()) == set(board.attached)
    for pin in pins:
        assert {mega.seen[pin].least, mega.seen[pin].most, *mega.seen[pin].first} == {pulses[pin].us}
