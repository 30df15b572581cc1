"""Boards and clocks for tests of the driver."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard
from robot_driver_ros.boards.mock_mega import MockMega
from robot_driver_ros.servos.hardware import Hardware, fit, hardware_file, read_hardware
from robot_driver_ros.servos.pulse_tables import FeedbackConfig
from robot_driver_ros.servos.servo_driver import ServoDriver
from robot_driver_ros.servos.servo_robot import ServoRobot
from robot_interface_ros.errors import CommandRejected
from robot_interface_ros.realtime.realtime_robot import RealTimeConfig, RealTimeRobot
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot

ALL_GROUPS = ("waist", "head", "eyes", "jaw", "right_arm", "left_arm", "right_hand", "left_hand")
PERIOD_S = 0.02
PERIOD_NS = round(PERIOD_S * 1e9)
VERSIONS = [(2, 3), (2, 5)]
ELBOW = "r_elbow_flex_joint"


class Time:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def pass_(self, seconds: float = PERIOD_S) -> None:
        self.now_s += seconds


def whole_robot() -> Hardware:
    """Return InMoov with all 28 joints driven, on two boards."""
    return fit(read_hardware(hardware_file("inmoov")), load_robot("inmoov", ALL_GROUPS), "inmoov")


class MockBench:
    """Return a whole robot on two mock boards."""

    def __init__(self, version: tuple[int, int] = (2, 3), hardware: Hardware | None = None):
        self.hardware = hardware or whole_robot()
        self.time = Time()
        self.megas = {name: MockMega(self.time, boot_s=2.0, version=version) for name in self.hardware.config.boards}
        boards = {name: FirmataBoard(name, mega.connect, self.time) for name, mega in self.megas.items()}
        self.driver = ServoDriver(self.hardware, boards, PERIOD_S, self.time)

    def wait_until_ready(self) -> None:
        for _ in range(500):
            if self.driver.poll():
                return
            self.time.pass_()
        raise AssertionError(self.driver.problem)

    def drive(self, *targets: object) -> None:
        for target in targets:
            self.driver.drive(target)  # type: ignore[arg-type]
            self.time.pass_()

    def run_boards(self) -> None:
        for mega in self.megas.values():
            mega.run()

    def seen(self, joint: str) -> object:
        config = self.hardware.config.servos[joint]
        return self.megas[config.board].seen[config.pin]


def safe(bench: MockBench, allows: Any = None) -> SafeRobot:
    """Return the robot of a bench within its limits; `allows`: see SafeRobot."""
    return SafeRobot(ServoRobot(bench.hardware, bench.driver, PERIOD_NS), bench.hardware.description, allows)


def in_real_time(bench: MockBench, **config: float) -> RealTimeRobot:
    """Return the robot of a bench in real time, on the bench's clock."""
    return RealTimeRobot(
        safe(bench),
        RealTimeConfig(**config),
        clock=lambda: round(bench.time.now_s * 1e9),
        wall_clock=lambda: round(bench.time.now_s * 1e9),
    )


def ready_bench(version: tuple[int, int] = (2, 3)) -> MockBench:
    """Return a whole robot whose boards have answered."""
    bench = MockBench(version)
    bench.wait_until_ready()
    return bench


def measured_bench() -> MockBench:
    """The right arm, whose elbow has a potentiometer on A4: converter values 100 to 900 are -1.4 to -0.2 rad."""
    config = read_hardware(hardware_file("inmoov"))
    feedback = FeedbackConfig(channel=4, table=((100.0, -1.4), (900.0, -0.2)))
    elbow = dataclasses.replace(config.servos[ELBOW], feedback=feedback)
    config = dataclasses.replace(config, servos={**config.servos, ELBOW: elbow})
    bench = MockBench(hardware=fit(config, load_robot("inmoov"), "test"))
    bench.megas["right"].analog[4] = 500  # -0.8 rad
    return bench


def elbow_of(bench: MockBench) -> Any:
    """Return the servo of the elbow."""
    return next(servo for servo in bench.hardware.servos if servo.joint == ELBOW)


def ready(boards: Iterable[FirmataBoard]) -> bool:
    return all(board.state is BoardState.READY for board in boards)


def bully(robot: RealTimeRobot, commands: int, per_tick: int, tick: Callable[[RealTimeRobot], None]) -> int:
    """Send valid, extreme, NaN and partial commands between stops and resets; return the number of refused ones."""
    names, kinds = np.array(robot.joint_names), ("near", "far", "huge", "nan", "partial", "wrong")
    generator, refused, pull = np.random.default_rng(0), 0, np.zeros(len(names))
    for i in range(commands):
        if i % (300 * per_tick) == 0:
            pull = generator.choice([-5.0, -5.0, 0.0, 5.0, 5.0], len(names))  # for long enough to get somewhere
        kind = kinds[generator.integers(len(kinds))]
        position = generator.normal(pull, {"far": 10.0, "huge": 1e300}.get(kind, 1.0))
        chosen = tuple(names)
        if kind == "nan":
            position[generator.integers(len(names))] = generator.choice([math.nan, math.inf, -math.inf])
        elif kind == "partial":
            some = generator.permutation(len(names))[: generator.integers(1, len(names))]
            chosen, position = tuple(names[some]), position[some]
        elif kind == "wrong":
            chosen = ("nose", *chosen[1:])
        try:
            robot.command(Command(0, chosen, position))
        except CommandRejected:
            refused += 1
        if i % per_tick == 0:
            tick(robot)
        if i % 997 == 0:
            robot.emergency_stop()
        elif i % 997 == 100:
            robot.enable(True)
        elif i % 9973 == 500:
            robot.start_reset(Episode, lambda result: None)
    return refused
