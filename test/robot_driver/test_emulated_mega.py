"""The stock StandardFirmata on an emulated ATmega2560: the driver's messages, and the pulses on the pins."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from boards import PERIOD_S, bully, whole_robot
from scopes import LATE_US, ONE_TIMER_LATE_US, WAIT_S, Scope, biggest_step, way_of

from robot_driver_ros.boards import firmata, firmata_board
from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard, Pulse
from robot_driver_ros.boards.links import LinkLost
from robot_driver_ros.emulator import build
from robot_driver_ros.emulator.emulated_mega import EmulatedMega
from robot_driver_ros.servos.hardware import load_hardware
from robot_driver_ros.servos.pulse_tables import Servo
from robot_driver_ros.servos.servo_driver import ServoDriver
from robot_driver_ros.servos.servo_robot import ServoRobot
from robot_interface_ros.errors import RobotError
from robot_interface_ros.realtime.realtime_robot import RealTimeRobot
from robot_interface_ros.robot import Command
from robot_interface_ros.safety.safe_robot import SafeRobot

pytestmark = [
    pytest.mark.firmware,
    pytest.mark.xdist_group("quiet"),
    pytest.mark.skipif(not build.is_ready() and not os.environ.get("CI"), reason="no emulated board; make emulator"),
]


def test_the_board_says_what_it_is_and_takes_as_long_as_a_real_one_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmata_board, "GREETING_TIMEOUT_S", WAIT_S)
    mega = EmulatedMega()
    board = FirmataBoard("left", mega.connect, time.monotonic)
    began = time.monotonic()
    board.open()
    while board.poll() is not BoardState.READY:
        assert time.monotonic() < began + WAIT_S
        time.sleep(0.01)
    assert board.firmware == "StandardFirmata.ino 2.3"
    assert time.monotonic() - began > 1.5  # the boot loader, and blinking
    board.close()
    mega.close()


@pytest.mark.parametrize("name, share", [("right", 1.0), ("left", 0.95)])
def test_five_hundred_postures_come_out_of_every_pin_within_5_us(
    name: str, share: float, scope: Callable[..., Scope]
) -> None:
    """The right board's eleven servos hang on one timer, and every pulse is right. The left board's seventeen take three,
    all of which begin a round every 20 ms: where two pulses happen to end together, one of them ends late each time.
    """
    the_scope, generator = scope(speed=6.0), np.random.default_rng(11)
    servos = {servo.config.pin: servo for servo in whole_robot().servos if servo.config.board == name}
    pins = sorted(servos)
    the_scope.greet()

    def random_pulses() -> dict[int, Pulse]:
        angles = {pin: generator.uniform(servo.lower, servo.upper) for pin, servo in sorted(servos.items())}
        return {pin: Pulse(servos[pin].pulse(q), servos[pin].min_us, servos[pin].max_us) for pin, q in angles.items()}

    def check_all(pulses: dict[int, list[float]]) -> None:
        for pin, widths in pulses.items():
            assert servos[pin].min_us - 1.0 <= min(widths) <= max(widths) <= servos[pin].max_us + LATE_US

    pulses = random_pulses()
    the_scope.board.attach(pulses)
    first = the_scope.until(lambda seen: all(pin in seen for pin in pins))
    for pin, pulse in pulses.items():
        assert first[pin][0] == pytest.approx(pulse.us, abs=LATE_US)  # and not 1500
    check_all(first)
    within = []
    for _ in range(500):
        pulses = random_pulses()
        the_scope.board.write({pin: pulse.us for pin, pulse in pulses.items()})
        seen = the_scope.next(pins)
        check_all(seen)
        for pin, pulse in pulses.items():
            off = min(seen[pin][-2:]) - pulse.us  # a byte that comes in may make a single pulse longer
            assert -1.0 < off < LATE_US, f"pin {pin}"
            within.append(off <= 5.0)
    assert np.mean(within) >= share


@pytest.mark.timeout(300)
@pytest.mark.parametrize("firmware, late_us", [("stock", {"right": ONE_TIMER_LATE_US, "left": LATE_US}), ("own", {})])
def test_no_pulse_leaves_its_limits_whatever_is_commanded(
    firmware: str, late_us: dict[str, float], scope: Callable[..., Scope]
) -> None:
    """100,000 commands to the whole robot, with one period of the boards' own time between ticks.

    The stock sketch ends a pulse late when a byte comes in at that moment, or, on the left board, another timer's turn.
    """
    hardware = whole_robot()
    # Always powered: a servo that goes limp in the middle of a pulse gets a cut one from the stock sketch.
    hardware = dataclasses.replace(hardware, config=dataclasses.replace(hardware.config, idle_timeout_s=0.0))
    own = build.own_firmware() if firmware == "own" else None
    scopes = {name: scope(speed=4.0, firmware=own) for name in ("left", "right")}
    boards = {name: entry.board for name, entry in scopes.items()}
    driver = ServoDriver(hardware, boards, PERIOD_S, time.monotonic)
    for entry in scopes.values():
        entry.greet()
        if own:
            entry.board.set_watchdog(0.0, 0.0)  # a busy machine may be silent for long
    assert driver.poll()
    pins = {name: sorted(s.config.pin for s in hardware.servos if s.config.board == name) for name in scopes}

    def tick(robot: RealTimeRobot) -> None:
        counts = {name: len(entry.pulses.get(pins[name][-1], ())) for name, entry in scopes.items()}
        robot.tick()
        for name, entry in scopes.items():
            entry.until(partial(has_more, pins[name][-1], counts[name]), copy=False)

    robot = RealTimeRobot(SafeRobot(ServoRobot(hardware, driver, round(PERIOD_S * 1e9)), hardware.description))
    assert bully(robot, 100_000, 20, tick) > 30_000
    ends = []  # whether each servo has been at both of its ends
    for servo, rest in zip(hardware.servos, hardware.parked):
        widths, late = scopes[servo.config.board].pulses[servo.config.pin], late_us.get(servo.config.board, 2.0)
        assert widths[0] == pytest.approx(servo.pulse(rest), abs=late)
        low, high = sorted((servo.pulse(servo.lower), servo.pulse(servo.upper)))
        assert servo.min_us <= low and high <= servo.max_us
        assert low - 2.0 < min(widths) < max(widths) < high + late
        assert len(widths) > 4000
        ends.append(min(widths) < low + 3.0 and max(widths) > high - 3.0)
    assert np.mean(ends) > 0.9


def has_more(pin: int, count: int, pulses: dict[int, list[float]]) -> bool:
    return len(pulses.get(pin, ())) > count


def test_a_detached_servo_is_silent_and_comes_back_with_its_pulse(scope: Callable[..., Scope]) -> None:
    the_scope = scope(speed=4.0)
    the_scope.greet()
    pins = [*range(2, 14), 22, 24, 26, 27, 28]
    the_scope.board.attach({pin: Pulse(600 + 40 * pin, 560, 2400) for pin in pins})
    the_scope.next(pins)
    the_scope.board.detach(pins[1::2])
    the_scope.next(pins[::2], 3)
    assert set(the_scope.next(pins[::2], 5)) == set(pins[::2])
    the_scope.forget()
    the_scope.board.attach({pin: Pulse(601 + 40 * pin, 560, 2400) for pin in pins})
    for pin, widths in the_scope.until(lambda pulses: all(pin in pulses for pin in pins)).items():
        assert widths[0] == pytest.approx(600 + 40 * pin, abs=LATE_US)
    assert set(the_scope.mega.pulses()) == set(pins)
    the_scope.board.detach(pins)
    the_scope.until_silent()
    assert not set(the_scope.mega.pulses()) & set(pins)


def test_the_board_itself_clips_to_a_servos_limits(scope: Callable[..., Scope]) -> None:
    the_scope = scope(speed=4.0)
    the_scope.greet()
    the_scope.board.attach({8: Pulse(1000, 800, 2200), 26: Pulse(1000, 800, 2200)})
    the_scope.board.write({8: 2399, 26: 600})
    seen = the_scope.next([8, 26], 5)
    assert [seen[8][-1], seen[26][-1]] == pytest.approx([2200, 800], abs=ONE_TIMER_LATE_US)


def test_a_message_whose_end_is_lost_does_not_stop_the_board(scope: Callable[..., Scope]) -> None:
    """The stock sketch has room for 32 bytes between START_SYSEX and END_SYSEX; further bytes overwrite other variables."""
    the_scope = scope(speed=4.0)
    the_scope.greet()
    pins = list(range(2, 13))
    the_scope.board.attach({pin: Pulse(1000, 560, 2400) for pin in pins})
    the_scope.next(pins)
    for _ in range(3):
        for cut in (firmata.servo_config(26, 600, 2400), firmata.write_pin(26, 1000)):
            the_scope.board._link.write(cut[:-1])  # type: ignore[union-attr]
            the_scope.board.write(dict.fromkeys(pins, 1100))
        the_scope.board.write(dict.fromkeys(pins, 1200))
        seen = the_scope.next(pins, 3)
        assert [min(seen[pin][-2:]) for pin in pins] == pytest.approx([1200] * len(pins), abs=LATE_US)
    assert the_scope.mega.is_running


def test_servos_wait_until_a_board_that_was_asked_twice_has_said_everything(
    scope: Callable[..., Scope], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it answers, the stock sketch keeps only 63 received bytes, so only some servos would get their first pulses."""
    monkeypatch.setattr(firmata_board, "ASK_EVERY_S", 0.05)  # so that the board answers later than it is asked again
    the_scope = scope()
    the_scope.greet()
    pulses = {pin: Pulse(1000 + 17 * pin, 560, 2400) for pin in range(2, 13)}
    the_scope.board.attach(pulses)
    seen = the_scope.until(lambda seen: set(pulses) <= set(seen))
    assert {pin: widths[0] for pin, widths in seen.items()} == pytest.approx(
        {pin: pulse.us for pin, pulse in pulses.items()}, abs=LATE_US
    )


def test_analog_inputs_are_read(scope: Callable[..., Scope]) -> None:
    the_scope = scope()
    the_scope.greet()
    the_scope.mega.set_analog(3, 700)
    the_scope.board.watch([3])
    deadline = time.monotonic() + WAIT_S
    while the_scope.board.analog.get(3) != pytest.approx(700, abs=2):
        assert time.monotonic() < deadline
        the_scope.board.poll()
        time.sleep(0.005)


def test_a_robot_survives_the_loss_of_a_board_without_a_jump(scope: Callable[..., Scope]) -> None:
    """Driver, limits and two emulated boards; one is killed while everything moves, and plugged in again."""
    hardware, scopes = whole_robot(), {name: scope() for name in ("left", "right")}
    # Always powered: a servo that goes limp in the middle of a pulse gets a cut one.
    hardware = dataclasses.replace(hardware, config=dataclasses.replace(hardware.config, idle_timeout_s=0.0))
    boards = {name: entry.board for name, entry in scopes.items()}
    driver = ServoDriver(hardware, boards, PERIOD_S, time.monotonic)
    robot = RealTimeRobot(SafeRobot(ServoRobot(hardware, driver, round(PERIOD_S * 1e9)), hardware.description))
    limits, generator = hardware.description.limits, np.random.default_rng(2)
    elbow = next(servo for servo in hardware.servos if servo.joint == "r_elbow_flex_joint")

    def run(until: Callable[[], bool], error_is_fine: bool = False) -> None:
        deadline = time.monotonic() + WAIT_S
        due = time.monotonic()
        while not until():
            assert time.monotonic() < deadline, driver.problem
            position = generator.uniform(limits.lower, limits.upper)
            position[hardware.description.joint_names.index(elbow.joint)] = elbow.lower
            robot.command(Command(0, robot.joint_names, position))
            try:
                robot.tick()
            except RobotError:
                assert error_is_fine
            due = max(due + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    run(driver.poll, error_is_fine=True)
    for entry in scopes.values():
        entry.forget()
    rest = elbow.pulse(hardware.description.rest[hardware.description.joint_names.index(elbow.joint)])

    def told() -> float:
        return elbow_angle(driver, elbow)

    run(lambda: abs(told() - elbow.lower) < 0.5)
    first = scopes["right"].pulses[elbow.config.pin][0]
    assert first == pytest.approx(rest, abs=LATE_US)
    scopes["right"].mega.unplug()
    with pytest.raises(LinkLost):
        tick_until_it_fails(robot)
    stood = elbow.pulse(told())
    scopes["right"].forget()
    scopes["right"].mega.plug()
    run(lambda: driver.problem == "" and elbow.config.pin in scopes["right"].pulses, error_is_fine=True)
    again = scopes["right"].pulses[elbow.config.pin][0]
    assert again == pytest.approx(stood, abs=LATE_US)
    run(lambda: abs(told() - elbow.lower) < 0.1)
    for name, entry in scopes.items():
        for servo in hardware.servos:
            if servo.config.board == name and servo.config.pin != 13:  # where the sketch blinks
                widths = entry.pulses[servo.config.pin]
                assert servo.min_us - 1.0 <= min(widths) <= max(widths) <= servo.max_us + LATE_US
                # Three periods, for a tick may come late and a pulse early.
                assert biggest_step(widths) <= way_of(servo, hardware, 3 * PERIOD_S) + LATE_US


@pytest.mark.parametrize("firmware", ["stock", "own"])
def test_a_board_whose_supply_sags_in_motion_begins_where_its_servos_stand(
    firmware: str, scope: Callable[..., Scope]
) -> None:
    """SAGS sags of the right board. In motion a tick waits for the board's next pulse, so that a busy machine changes nothing:
    what the board has not answered is two periods at most, and a pulse may be on its way to us.
    """
    hardware, own = load_hardware(), build.own_firmware() if firmware == "own" else None
    hardware = dataclasses.replace(hardware, config=dataclasses.replace(hardware.config, idle_timeout_s=0.0))
    board: Scope = scope(firmware=own)
    driver = ServoDriver(hardware, {"right": board.board}, PERIOD_S, time.monotonic)
    robot = RealTimeRobot(SafeRobot(ServoRobot(hardware, driver, round(PERIOD_S * 1e9)), hardware.description))
    limits, pins = hardware.description.limits, [servo.config.pin for servo in hardware.servos]
    problems: list[str] = []

    def run(goal: np.ndarray, until: Callable[[], bool], in_step: bool = False) -> None:
        deadline = due = time.monotonic()
        while not until():
            assert time.monotonic() < deadline + WAIT_S, driver.problem
            assert board.mega.is_running, "the sketch ran off its program"
            robot.command(Command(0, robot.joint_names, goal))
            try:
                robot.tick()
            except RobotError as error:
                problems.append(str(error))
            if in_step:
                board.until(partial(has_more, pins[0], len(board.pulses[pins[0]])), copy=False)
                continue
            due = max(due + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    run(limits.lower, lambda: driver.problem == "" and set(pins) <= set(board.pulses))
    for k in range(int(os.environ.get("SAGS", "2"))):
        goal = limits.upper if k % 2 == 0 else limits.lower
        before = {pin: board.pulses[pin][-1] for pin in pins}
        run(goal, lambda before=before: moved(board, before) > 150.0, in_step=True)  # type: ignore[misc]
        problems.clear()
        board.mega.sag()
        time.sleep(0.03)  # a pulse that has begun is on its way to us
        stood = {pin: widths[-1] for pin, widths in board.pulses.items()}
        board.forget()
        run(goal, lambda: bool(problems) and driver.problem == "" and set(pins) <= set(board.pulses))
        assert any(said in problems[0] for said in ("has been silent", "has restarted by itself", "is lost")), problems[
            0
        ]
        for servo in hardware.servos:
            first = board.pulses[servo.config.pin][0]
            assert abs(first - stood[servo.config.pin]) <= way_of(servo, hardware, 3 * PERIOD_S) + 5.0


def moved(board: Scope, before: dict[int, float]) -> float:
    """Largest change of a servo's pulse, microseconds."""
    return max(abs(board.pulses[pin][-1] - us) for pin, us in before.items())


def tick_until_it_fails(robot: RealTimeRobot) -> None:
    for _ in range(50):
        robot.tick()


def elbow_angle(driver: ServoDriver, elbow: Servo) -> float:
    return float(driver.angles[[servo.joint for servo in driver.servos].index(elbow.joint)])
