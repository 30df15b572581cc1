"""The lifecycle of a managed driver on mock boards: which servos have power, after any sequence of commands."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("rclpy")
from boards import PERIOD_S, MockBench, Time

from robot_driver_ros.boards.firmata_board import FirmataBoard
from robot_driver_ros.boards.links import BoardRefused
from robot_driver_ros.boards.mock_mega import MockMega
from robot_driver_ros.lifecycle import DriverLife, LifeState
from robot_driver_ros.ros.managed_node import LOOK_EVERY_S, Transitions
from robot_driver_ros.servos.servo_robot import ServoRobot
from robot_interface_ros.errors import CommandRejected
from robot_interface_ros.realtime.realtime_robot import RealTimeRobot, State
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.safety.safe_robot import SafeRobot


class Driven:
    """A driver with its boards, and the loop of a node."""

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

    def begin(self, times: int) -> None:
        """Configure and activate, and move for so many periods."""
        self.configure()
        self.life.activate(self.said.append)
        self.move(times)

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
    driven.begin(20)
    driven.robot.emergency_stop()
    driven.robot.enable(False)
    driven.life.deactivate(driven.said.append)
    driven.tick(5)
    driven.life.activate(driven.said.append)
    driven.tick(5)
    assert driven.robot.state is State.STOPPED and not driven.robot.motion_enabled


def test_torque_that_an_operator_took_off_stays_off_over_a_life_anew() -> None:
    driven = Driven()
    driven.begin(20)
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
    driven.begin(50)
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
    driven.begin(100)
    driven.life.deactivate(driven.said.append)
    driven.tick(20)
    assert driven.life.state is LifeState.ACTIVE
    driven.robot.emergency_stop()
    driven.tick(20)  # it brakes first
    assert driven.life.state is LifeState.INACTIVE and driven.bench.driver.powered == ()


def test_a_driver_that_leaves_moves_to_rest_first() -> None:
    driven = Driven()
    assert not driven.life.park()  # there is nothing to park
    driven.begin(150)
    rest = driven.bench.hardware.parked
    assert np.abs(driven.bench.driver.angles - rest).max() > 0.3
    while driven.life.park():
        driven.tick()
    assert driven.bench.driver.angles == pytest.approx(rest, abs=0.003)
    assert driven.bench.driver.powered == () and driven.life.state is LifeState.INACTIVE
    assert not driven.life.disabled  # the next driver may move


def test_a_stopped_driver_that_leaves_goes_limp_where_it_is() -> None:
    driven = Driven()
    driven.begin(100)
    driven.robot.emergency_stop()
    driven.tick(20)
    stood = driven.bench.driver.angles
    while driven.life.park():
        driven.tick()
    assert (driven.bench.driver.angles == stood).all() and driven.bench.driver.powered == ()


def test_a_transition_does_not_overwrite_the_one_that_is_under_way() -> None:
    driven = Driven()
    driven.life.configure(driven.said.append)
    driven.tick(10)
    for other in (driven.life.configure, driven.life.activate, driven.life.deactivate, driven.life.cleanup):
        other(driven.said.append)
    assert driven.said == ["configure is running; try again when it has ended"] * 4
    driven.tick(200)
    assert driven.said[4:] == [""] and driven.life.state is LifeState.INACTIVE
    driven.life.activate(driven.said.append)
    driven.move(100)
    driven.life.deactivate(driven.said.append)
    driven.tick(5)
    driven.life.cleanup(driven.said.append)
    assert driven.said[-1] == "deactivate is running; try again when it has ended"
    driven.tick(1000)
    assert driven.said[-1] == "" and driven.life.state is LifeState.INACTIVE


def test_a_transition_is_answered_when_it_has_ended_and_not_before() -> None:
    """The wait has no timeout, also for ten minutes of motion to rest; it ends when the driver ends."""

    class Slow:
        def __init__(self) -> None:
            self.ends: list[Callable[[str], None]] = []

        def deactivate(self, ended: Callable[[str], None]) -> None:
            self.ends.append(ended)

        def tick(self) -> None:
            """Do nothing."""

    life, answers, asked = Slow(), [], threading.Event()
    transitions = Transitions(life, asked.set)  # type: ignore[arg-type]
    asking = threading.Thread(target=lambda: answers.append(transitions.request("deactivate")))
    asking.start()
    assert asked.wait(10.0)
    transitions.turn()
    asking.join(2.5 * LOOK_EVERY_S)
    assert asking.is_alive() and not answers
    life.ends[0]("")
    asking.join(10.0)
    assert answers == [""]
    transitions.close()
    assert transitions.request("deactivate") == "the driver is shut down"


def test_a_robot_that_cannot_move_yet_says_what_it_waits_for() -> None:
    driven = Driven()
    with pytest.raises(CommandRejected, match="the driver is not connected to its boards"):
        driven.move(1)
    driven.life.configure(driven.said.append)
    driven.tick(2)
    assert "board left has not answered yet" in driven.life.waits_for
    with pytest.raises(CommandRejected, match="the driver waits for its boards: board left has not answered yet"):
        driven.robot.start_reset(Episode, lambda result: None)
    driven.tick(200)
    driven.robot.enable(True)
    with pytest.raises(CommandRejected, match="the driver is not active; ros2 lifecycle set /robot_driver activate"):
        driven.move(1)


@pytest.mark.bad_input
def test_a_board_that_cannot_be_used_ends_the_start_at_once() -> None:
    """No port, another sketch, a pin without servos; a board that comes later can be configured again."""
    driven = Driven()
    driven.bench.megas["right"].unplug()
    driven.life.configure(driven.said.append)
    driven.tick(2)
    assert driven.said == ["cannot open mock: there is no such port; is the board plugged in?"]
    driven.bench.megas["right"].plug()
    driven.configure()
    assert driven.said[1:] == [""] and driven.life.refused == ""


@pytest.mark.bad_input
def test_a_board_whose_sketch_drives_no_servos_is_refused() -> None:
    time = Time()
    mega = MockMega(time)
    mega.sketch, mega.servo_pins = "SimpleDigitalFirmata.ino", frozenset({3, 4, 5, 9})
    board = FirmataBoard("left", mega.connect, time, pins=(4, 8, 22))
    board.open()
    message = "board left runs SimpleDigitalFirmata.ino 2.3, which drives no servo on pin 8, 22, only on 3 to 5, 9"
    board.poll()  # the greeting, which is answered with the question
    with pytest.raises(BoardRefused, match=message):
        board.poll()
