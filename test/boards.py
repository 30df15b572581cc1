"""Boards and clocks for tests of the driver."""

from __future__ import annotations

from collections.abc import Iterable

from robot_driver_ros.firmata_board import BoardState, FirmataBoard
from robot_driver_ros.hardware import Hardware, fit, hardware_file, read_hardware
from robot_driver_ros.mock_mega import MockMega
from robot_driver_ros.servo_driver import ServoDriver
from robot_interface_ros.robot_config import load_robot

ALL_GROUPS = ("waist", "head", "eyes", "jaw", "right_arm", "left_arm", "right_hand", "left_hand")
PERIOD_S = 0.02


class Time:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def pass_(self, seconds: float = PERIOD_S) -> None:
        self.now_s += seconds


def whole_robot() -> Hardware:
    """InMoov with every one of its 28 joints driven, on two boards."""
    return fit(read_hardware(hardware_file("inmoov")), load_robot("inmoov", ALL_GROUPS), "inmoov")


class MockBench:
    """A whole robot on two mock boards."""

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


def ready(boards: Iterable[FirmataBoard]) -> bool:
    return all(board.state is BoardState.READY for board in boards)
