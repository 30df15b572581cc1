"""Boards that are unplugged, restart, lose their supply, answer late or not at all: no servo jumps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from boards import (
    PERIOD_S,
    VERSIONS,
    MockBench,
    Time,
    in_real_time,
    ready_bench,
)

from robot_driver_ros.boards import firmata
from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard
from robot_driver_ros.boards.links import LinkLost
from robot_driver_ros.boards.mock_mega import MockMega
from robot_interface_ros.errors import RobotError
from robot_interface_ros.realtime.realtime_robot import State
from robot_interface_ros.robot import Command


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


@pytest.mark.bad_input
def test_a_port_that_is_not_there_is_named() -> None:
    from robot_driver_ros.boards.links import SerialLink

    with pytest.raises(RobotError, match="cannot open /dev/ttyNOWHERE: there is no such port; is the board plugged in"):
        SerialLink("/dev/ttyNOWHERE")
