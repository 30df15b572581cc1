"""The life of a managed driver on mock boards: who has power when, whatever was pressed before."""

from __future__ import annotations

import pytest
from boards import PERIOD_S, MockBench

from robot_driver_ros.driver_life import DriverLife, LifeState
from robot_driver_ros.servo_robot import ServoRobot
from robot_interface_ros.errors import CommandRejected
from robot_interface_ros.realtime import RealTimeRobot, State
from robot_interface_ros.robot import Command
from robot_interface_ros.safe_robot import SafeRobot


class Driven:
    """A driver with its boards, and the loop that a node is."""

    def __init__(self) -> None:
        self.bench = bench = MockBench()
        plant = ServoRobot(bench.hardware, bench.driver, round(PERIOD_S * 1e9))
        safe = SafeRobot(plant, bench.hardware.description)
        self.robot = RealTimeRobot(safe, clock=self.now_ns, wall_clock=self.now_ns)
        self.life = DriverLife(bench.driver, self.robot, safe, bench.hardware.parked, bench.time)
        self.said: list[str] = []

    def now_ns(self) -> int:
        return round(self.bench.time() * 1e9)

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.life.tick()
            if self.life.state is not LifeState.UNCONFIGURED:
                self.robot.tick()
            self.bench.time.pass_()

    def configure(self) -> None:
        self.life.configure(self.said.append)
        self.tick(200)

    def move(self, times: int) -> None:
        for _ in range(times):
            self.robot.command(Command(0, self.robot.joint_names, self.bench.hardware.description.limits.upper))
            self.tick()


def test_a_stop_that_was_pressed_before_activation_holds() -> None:
    driven = Driven()
    driven.life.configure(driven.said.append)
    driven.robot.emergency_stop()
    driven.tick(200)
    driven.life.activate(driven.said.append)
    driven.tick(10)
    assert driven.said == ["", ""] and driven.life.state is LifeState.ACTIVE
    assert not driven.robot.motion_enabled and driven.bench.driver.powered == ()
    with pytest.raises(CommandRejected, match="emergency stop"):
        driven.move(1)
    driven.robot.enable(True)
    driven.move(1)
    assert len(driven.bench.driver.powered) == 28


def test_neither_disabling_nor_a_life_anew_ends_an_emergency_stop() -> None:
    driven = Driven()
    driven.configure()
    driven.life.activate(driven.said.append)
    driven.move(20)
    driven.robot.emergency_stop()
    driven.robot.enable(False)
    driven.life.deactivate(driven.said.append)
    driven.tick(5)
    driven.life.activate(driven.said.append)
    driven.tick(5)
    assert driven.robot.state is State.STOPPED and not driven.robot.motion_enabled


def test_torque_that_an_operator_took_off_stays_off_over_a_life_anew() -> None:
    driven = Driven()
    driven.configure()
    driven.life.activate(driven.said.append)
    driven.move(20)
    for disabled in (False, True):
        driven.robot.enable(not disabled)
        driven.tick(100)
        assert driven.life.disabled is disabled
        driven.life.deactivate(driven.said.append)
        for _ in range(100):
            driven.tick()
            assert driven.life.disabled is disabled
        assert driven.life.state is LifeState.INACTIVE
        driven.life.activate(driven.said.append)
        assert driven.robot.motion_enabled is not disabled and driven.life.disabled is disabled


def test_deactivation_of_a_stopped_robot_takes_the_torque_off() -> None:
    driven = Driven()
    driven.configure()
    driven.life.activate(driven.said.append)
    driven.move(50)
    driven.robot.emergency_stop()
    driven.tick(20)
    assert len(driven.bench.driver.powered) == 28  # a stop holds the limbs
    stood = driven.bench.driver.angles
    driven.life.deactivate(driven.said.append)
    driven.tick(5)
    assert driven.life.state is LifeState.INACTIVE and driven.bench.driver.powered == ()
    assert (driven.bench.driver.angles == stood).all()


def test_a_stop_on_the_way_to_rest_ends_the_way_and_the_torque() -> None:
    driven = Driven()
    driven.configure()
    driven.life.activate(driven.said.append)
    driven.move(100)
    driven.life.deactivate(driven.said.append)
    driven.tick(20)
    assert driven.life.state is LifeState.ACTIVE
    driven.robot.emergency_stop()
    driven.tick(20)  # it brakes first
    assert driven.life.state is LifeState.INACTIVE and driven.bench.driver.powered == ()
