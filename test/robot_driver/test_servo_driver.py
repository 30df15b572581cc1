"""The driver on mock boards: pulses on the pins for any input."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from boards import PERIOD_S, MockBench, Time, bully

from robot_driver_ros.boards import firmata
from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard, Pulse
from robot_driver_ros.boards.links import LinkLost
from robot_driver_ros.boards.mock_mega import MockMega
from robot_driver_ros.mock_robot import MockRobot
from robot_driver_ros.servos.hardware import fit, hardware_file, read_hardware
from robot_driver_ros.servos.pulse_tables import FeedbackConfig
from robot_driver_ros.servos.servo_robot import ServoRobot
from robot_interface_ros.errors import RobotError
from robot_interface_ros.realtime.realtime_robot import RealTimeConfig, RealTimeRobot, State
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot

PERIOD_NS = round(PERIOD_S * 1e9)
VERSIONS = [(2, 3), (2, 5)]
COMMANDS = int(os.environ.get("COMMANDS", "20000"))  # hostile ones; 100000 take five times as long


def safe(bench: MockBench, allows: Any = None) -> SafeRobot:
    return SafeRobot(ServoRobot(bench.hardware, bench.driver, PERIOD_NS), bench.hardware.description, allows)


def in_real_time(bench: MockBench, **config: float) -> RealTimeRobot:
    return RealTimeRobot(
        safe(bench),
        RealTimeConfig(**config),
        clock=lambda: round(bench.time.now_s * 1e9),
        wall_clock=lambda: round(bench.time.now_s * 1e9),
    )


def ready_bench(version: tuple[int, int] = (2, 3)) -> MockBench:
    bench = MockBench(version)
    bench.wait_until_ready()
    return bench


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


@pytest.mark.parametrize("version", VERSIONS)
def test_a_board_that_was_unplugged_goes_on_where_it_was(version: tuple[int, int]) -> None:
    bench = ready_bench(version)
    robot = in_real_time(bench)
    description, servos = bench.hardware.description, bench.hardware.servos
    for _ in range(100):
        robot.command(Command(0, robot.joint_names, description.limits.upper))
        robot.tick()
        bench.time.pass_()
    stood = bench.driver.angles
    bench.megas["right"].unplug()
    with pytest.raises(LinkLost, match="unplugged"):
        robot.tick()
    sent = [bench.driver.angles]
    for _ in range(100):
        bench.time.pass_()
        with pytest.raises(LinkLost):
            robot.tick()
        sent.append(bench.driver.angles)
    # Half a robot follows no plan: what still hears us brakes, within its acceleration, and stands.
    left_moved = np.array([servo.config.board == "left" for servo in servos])
    steps = np.diff(sent, axis=0)[:, left_moved]
    slack = 2 * np.array([abs(servo.angle(1001) - servo.angle(1000)) for servo in servos])[left_moved]
    assert np.abs(steps[0]).max() > 0.005  # it was in motion
    assert (np.abs(np.diff(steps, axis=0)) <= (description.max_acceleration * PERIOD_S**2)[left_moved] + slack).all()
    assert not steps[15:].any()
    for _ in range(100):
        bench.time.pass_()
        with pytest.raises(LinkLost):
            robot.tick()
    assert bench.megas["left"].pulses() == {}  # and goes limp when it is idle
    bench.megas["right"].plug()
    for _ in range(300):
        bench.time.pass_()
        try:
            robot.tick()
            break
        except LinkLost:
            continue
    assert robot.state is State.HOLDING
    robot.command(Command(0, robot.joint_names, description.limits.lower))
    robot.tick()
    bench.time.pass_(0.05)
    bench.run_boards()
    velocity = description.limits.velocity
    slack = np.array([abs(servo.angle(1001) - servo.angle(1000)) for servo in servos])
    braking = np.where(left_moved, velocity**2 / (2 * description.max_acceleration), 0.0)
    assert (np.abs(bench.driver.angles - stood) <= 2 * velocity * PERIOD_S + braking + slack).all()
    for servo, angle, reach in zip(servos, stood, description.limits.velocity * 2 * PERIOD_S + slack):
        if servo.config.board == "right":
            assert abs(servo.angle(bench.seen(servo.joint).first[-1]) - angle) <= reach


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


def test_a_board_that_is_lost_while_it_goes_limp_begins_again_with_its_last_pulses() -> None:
    bench = ready_bench()
    bench.drive(*[bench.hardware.description.limits.upper] * 50)
    before = {servo.joint: servo.pulse(q) for servo, q in zip(bench.hardware.servos, bench.driver.angles)}
    bench.megas["right"].unplug()
    with pytest.raises(LinkLost, match="unplugged"):
        bench.driver.relax()
    bench.megas["right"].plug()
    bench.time.pass_(1.5)
    bench.wait_until_ready()
    bench.drive(*[bench.driver.angles] * 5)
    for servo, reach in zip(bench.hardware.servos, reach_us(bench, 2)):
        if servo.config.board == "right":  # what was written last, the board cannot be known to have heard
            assert abs(bench.seen(servo.joint).first[-1] - before[servo.joint]) <= reach


def reach_us(bench: MockBench, periods: float) -> list[float]:
    """Largest change of each servo's pulse in `periods` periods at its top speed, microseconds."""
    speeds = bench.hardware.description.limits.velocity
    servos = bench.hardware.servos
    return [v * periods * PERIOD_S / abs(s.angle(1001) - s.angle(1000)) + 1.0 for s, v in zip(servos, speeds)]


@pytest.mark.slow
@pytest.mark.parametrize("version, boot_s", [((2, 3), 2.0), ((2, 5), 0.2), ((2, 3), 0.0)])
def test_a_board_whose_supply_sags_in_motion_begins_where_its_servos_stand(
    version: tuple[int, int], boot_s: float
) -> None:
    """After two seconds of its start, or none: every first pulse lies within two periods of the last one before."""
    bench = ready_bench(version)
    for mega in bench.megas.values():
        mega.boot_s = boot_s
    robot, generator = in_real_time(bench), np.random.default_rng(3)
    limits, servos = bench.hardware.description.limits, bench.hardware.servos
    moved = 0
    for k in range(8):
        name = ("left", "right")[k % 2]
        goal = generator.choice([limits.lower, limits.upper])
        for _ in range(int(generator.integers(60, 90))):
            robot.command(Command(0, robot.joint_names, goal))
            robot.tick()
            bench.time.pass_()
            bench.run_boards()
        mine = [servo for servo in servos if servo.config.board == name]
        last = {servo.joint: bench.seen(servo.joint).last for servo in mine}
        count = {servo.joint: len(bench.seen(servo.joint).first) for servo in mine}
        bench.megas[name].sag()
        began, problem = bench.time.now_s, ""
        for _ in range(250):
            robot.command(Command(0, robot.joint_names, goal))
            try:
                robot.tick()
            except LinkLost as error:
                problem = problem or f"{error} after {bench.time.now_s - began:.2f} s"
            bench.time.pass_()
            bench.run_boards()
        assert f"board {name} has " in problem and float(problem.split()[-2]) <= 1.15, problem
        for servo, reach in zip(servos, reach_us(bench, 2)):
            if servo.config.board == name:
                first = bench.seen(servo.joint).first[count[servo.joint] :]
                assert abs(first[0] - last[servo.joint]) <= reach
                moved += bench.seen(servo.joint).last != last[servo.joint]
    assert moved > 40
    assert not any(mega.overran for mega in bench.megas.values())


def test_a_board_that_is_late_with_its_answer_gets_questions_and_no_pulses() -> None:
    """The board may be restarting, and would join halves of messages. Pulses that were not written do not count as written."""
    bench = ready_bench()
    limits = bench.hardware.description.limits
    robot = in_real_time(bench)

    def tick() -> None:
        robot.command(Command(0, robot.joint_names, limits.upper))
        robot.tick()
        bench.time.pass_()
        bench.run_boards()

    for _ in range(20):
        tick()
    connection = bench.megas["left"]._connection
    read, write, written = connection.read, connection.write, bytearray()

    def keep(data: bytes) -> None:
        written.extend(data)
        write(data)

    connection.read, connection.write = lambda: b"", keep  # its answers are lost, and nothing else
    for _ in range(7):
        tick()
    assert len(written) > 100
    written.clear()
    before, last = bench.driver.pulses, {joint: bench.seen(joint).last for joint in robot.joint_names}
    for _ in range(40):
        tick()
    assert set(written) == {firmata.END_SYSEX, firmata.REPORT_VERSION} and len(written) < 20
    for servo, us, then in zip(bench.hardware.servos, bench.driver.pulses, before):
        assert (us == then) or servo.config.board == "right"
    connection.read = read
    reach = reach_us(bench, 2)
    for _ in range(20):
        tick()
        for servo, most in zip(bench.hardware.servos, reach):
            seen = bench.seen(servo.joint).last
            assert abs(seen - last[servo.joint]) <= (most if servo.config.board == "left" else 3000.0)
            last[servo.joint] = seen
    assert bench.driver.problem == "" and bench.driver.pulses != before


def test_bytes_that_are_lost_make_no_sysex_longer_than_the_board_has_room_for() -> None:
    """Lost runs of bytes of any length and position, while servos are attached and detached."""
    bench, generator = ready_bench(), np.random.default_rng(8)
    limits, lost = bench.hardware.description.limits, 0
    for mega in bench.megas.values():
        write = mega._connection.write

        def write_badly(data: bytes, write: Callable[[bytes], None] = write) -> None:
            nonlocal lost
            if generator.random() < 0.3:
                begin = int(generator.integers(len(data)))
                data = data[:begin] + data[begin + int(generator.integers(1, 64)) :]
                lost += 1
            write(data)

        mega._connection.write = write_badly
    for k in range(600):
        bench.drive(generator.uniform(limits.lower, limits.upper))
        if k % 10 == 0:
            bench.driver.relax()
    assert lost > 200
    assert not any(mega.overran for mega in bench.megas.values())


def test_what_a_silent_board_was_told_is_not_remembered() -> None:
    """A driver that is killed while a board is silent leaves the pulses before the silence."""
    bench = ready_bench()
    upper = bench.hardware.description.limits.upper
    bench.drive(*[upper] * 30)
    before = bench.driver.sent
    bench.megas["left"].sag()
    bench.drive(*[upper] * 40)
    assert bench.driver.problem == ""  # nothing is known yet
    for servo, us, then, reach in zip(bench.hardware.servos, bench.driver.sent, before, reach_us(bench, 2)):
        if servo.config.board == "left":
            assert us is not None and then is not None and abs(us - then) <= reach


def test_a_lost_answer_is_no_silence() -> None:
    """After bytes are lost by noise, the request is repeated."""
    bench = ready_bench()
    rest = bench.hardware.description.rest
    bench.drive(*[rest] * 5)
    connection = bench.megas["left"]._connection
    read, generator, dropped = connection.read, np.random.default_rng(1), []

    def read_badly() -> bytes:
        data = read()
        if data and generator.random() < 0.3:
            dropped.append(data)
            return data[:1]
        return data

    connection.read = read_badly
    bench.drive(*[rest] * 200)
    assert len(dropped) > 20 and bench.driver.problem == ""


def test_a_board_that_starts_anew_by_itself_is_noticed_and_begins_where_it_was() -> None:
    bench = ready_bench()
    bench.drive(*[bench.hardware.description.limits.upper] * 200)
    told = bench.driver.angles
    bench.drive(*[told] * 3)
    bench.megas["left"].boot_s = 0.1
    bench.megas["left"].sag()
    with pytest.raises(LinkLost, match="board left has restarted by itself"):
        bench.drive(*[told] * 150)
    bench.time.pass_(1.5)
    bench.wait_until_ready()
    bench.drive(*[told] * 5)
    for servo, angle in zip(bench.hardware.servos, told):
        if servo.config.board == "left":
            assert bench.seen(servo.joint).first[-1] == servo.pulse(angle)


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


ELBOW = "r_elbow_flex_joint"


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
    return next(servo for servo in bench.hardware.servos if servo.joint == ELBOW)


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


def test_a_port_without_a_sketch_is_named() -> None:
    time = Time()
    mega = MockMega(time, boot_s=1e9)
    board = FirmataBoard("left", mega.connect, time)
    board.open()
    time.pass_(7.9)
    assert board.poll() is BoardState.GREETING
    time.pass_(0.2)
    with pytest.raises(LinkLost, match="board left does not answer within 8 s; is StandardFirmata on it"):
        board.poll()
    assert board.state is BoardState.CLOSED


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


@pytest.mark.bad_input
def test_a_port_that_is_not_there_is_named() -> None:
    from robot_driver_ros.boards.links import SerialLink

    with pytest.raises(RobotError, match="cannot open /dev/ttyNOWHERE: there is no such port; is the board plugged in"):
        SerialLink("/dev/ttyNOWHERE")
