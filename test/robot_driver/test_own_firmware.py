"""Our own sketch, firmware/inmoov_servos, on an emulated ATmega2560: its pulses, and its behaviour when the host is silent."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from boards import whole_robot
from scopes import WAIT_S, Scope

from robot_driver_ros.boards import firmata
from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard, Pulse
from robot_driver_ros.boards.links import LinkLost
from robot_driver_ros.emulator import build

pytestmark = [
    pytest.mark.firmware,
    pytest.mark.xdist_group("quiet"),
    pytest.mark.skipif(not build.is_ready() and not os.environ.get("CI"), reason="no emulated board; make emulator"),
]
ROUND_US = 20_000
GENTLE_US = 10  # a round, after silence
EXACT_US = 2.0
WRIST, JAW = 7, 26


@pytest.fixture
def bench(scope: Callable[..., Scope]) -> Callable[..., Scope]:
    """A board with our sketch that has answered. Its watchdog is off, because a busy machine may be silent for long."""

    def make(speed: float = 6.0, watchdog: bool = False) -> Scope:
        made = scope(speed=speed, firmware=build.own_firmware())
        made.greet()
        if not watchdog:
            made.board.set_watchdog(0.0, 0.0)
        return made

    return make


def start(bench: Scope, pulses: dict[int, int]) -> None:
    """Attach servos and wait for their pulses, and for the earlier texts of the board."""
    bench.board.attach({pin: Pulse(us, 600, 2400) for pin, us in pulses.items()})
    bench.until(lambda seen: all(len(seen.get(pin, ())) > 3 for pin in pulses))
    bench.board.poll()
    bench.board.texts.clear()


def send(bench: Scope, *messages: bytes) -> None:
    """Send all messages at once."""
    assert bench.board._link is not None
    bench.board._link.write(b"".join(messages))


def silence_until(bench: Scope, text: str) -> None:
    """Send nothing until the board reports the silence."""
    deadline = time.monotonic() + WAIT_S
    while bench.board.poll() and text not in bench.board.texts:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def gaps(starts: list[int]) -> list[int]:
    return np.diff(starts).tolist()


@pytest.mark.parametrize("name", ["right", "left"])
def test_five_hundred_postures_come_out_of_every_pin(name: str, bench: Callable[..., Scope]) -> None:
    """All pulses, on one timer or, with the stock sketch, three: the first, those while values change, and the last."""
    board, generator = bench(), np.random.default_rng(11)
    assert board.board.firmware == "inmoov_servos 1.1"
    servos = {servo.config.pin: servo for servo in whole_robot().servos if servo.config.board == name}

    def random_pulses() -> dict[int, Pulse]:
        angles = {pin: generator.uniform(servo.lower, servo.upper) for pin, servo in sorted(servos.items())}
        return {pin: Pulse(servos[pin].pulse(q), servos[pin].min_us, servos[pin].max_us) for pin, q in angles.items()}

    told = random_pulses()
    board.board.attach(told)
    first = board.until(lambda seen: all(pin in seen for pin in servos))
    assert {pin: first[pin][0] for pin in servos} == pytest.approx({p: told[p].us for p in servos}, abs=EXACT_US)
    for _ in range(500):
        before, told = told, random_pulses()
        board.board.write({pin: pulse.us for pin, pulse in told.items()})
        for pin, widths in board.until(partial(all_are, told)).items():
            for width in widths:  # the old one or the new one, and nothing else
                assert min(abs(width - before[pin].us), abs(width - told[pin].us)) < EXACT_US
        board.forget()


def all_are(told: dict[int, Pulse], seen: dict[int, list[float]]) -> bool:
    """Whether the latest pulses are the written ones."""
    return all(pin in seen and abs(seen[pin][-1] - pulse.us) < EXACT_US for pin, pulse in told.items())


def test_pulses_of_48_servos_with_the_longest_pulse_come_out_right(bench: Callable[..., Scope]) -> None:
    board, pins = bench(3.0), [*range(2, 50)]
    board.board.attach({pin: Pulse(2496, 544, 2496) for pin in pins})
    board.next(pins, 3)
    for widths in board.next(pins, 6).values():
        assert widths == pytest.approx([2496] * len(widths), abs=EXACT_US)
    for starts in board.starts.values():
        assert all(gap < 1.15 * ROUND_US for gap in gaps(starts))


def test_no_pulse_without_a_value_nor_outside_the_limits(bench: Callable[..., Scope]) -> None:
    board = bench()
    link = board.board._link
    assert link is not None
    link.write(firmata.set_pin_mode(3, firmata.SERVO) + firmata.write_pin(3, 1500))  # no limits: no servo
    link.write(firmata.servo_config(4, 900, 1200))  # no value
    link.write(firmata.servo_config(5, 900, 1200) + firmata.write_pin(5, 90))  # degrees
    link.write(firmata.servo_config(6, 0, 1200) + firmata.write_pin(6, 1000))  # limits that no servo has
    link.write(firmata.servo_config(8, 900, 1200) + firmata.write_pin(8, 800))
    link.write(firmata.servo_config(JAW, 900, 1200) + firmata.write_pin(JAW, 2400))
    assert set(board.next([8, JAW], 5)) == {8, JAW}
    assert board.pulses[8][-1] == pytest.approx(900, abs=EXACT_US)
    assert board.pulses[JAW][-1] == pytest.approx(1200, abs=EXACT_US)


def test_noise_moves_nothing_beyond_what_a_servo_takes(bench: Callable[..., Scope]) -> None:
    board = bench()
    link, generator = board.board._link, np.random.default_rng(5)
    assert link is not None
    start(board, {WRIST: 1000, JAW: 1300})
    for _ in range(20):
        link.write(generator.integers(0, 256, 200, dtype=np.uint8).tobytes())
        board.mega.set_analog(0, 100)
    link.write(b"\x00\xff\xf9")  # whatever has been begun ends, and all servos with it
    start(board, {WRIST: 1100, JAW: 1400})
    for widths in board.pulses.values():
        assert 544 - EXACT_US < min(widths) <= max(widths) < 2496 + EXACT_US


def test_a_pulse_that_has_begun_is_finished(bench: Callable[..., Scope]) -> None:
    board, pins = bench(), [*range(2, 14)]
    for _ in range(40):
        start(board, {pin: 2000 + 10 * pin for pin in pins})
        board.board.detach(pins)
        for pin, widths in board.pulses.items():
            assert widths == pytest.approx([2000 + 10 * pin] * len(widths), abs=EXACT_US)
        board.forget()


@pytest.mark.parametrize("times", [None, (200, 700)])
def test_a_silent_host_leaves_servos_held_and_then_limp(
    times: tuple[int, int] | None, bench: Callable[..., Scope]
) -> None:
    board = bench() if times else bench(1.0, watchdog=True)
    start(board, {WRIST: 1000, JAW: 1300})
    own_times = [firmata.watchdog(*times)] if times else []
    send(board, *own_times, firmata.write_pin(WRIST, 1400), firmata.write_pin(JAW, 1500))  # the last that it hears
    silence_until(board, "host silent: limp")
    assert board.board.texts == ["host silent: holding", "host silent: limp"]
    for pin, us in ((WRIST, 1400), (JAW, 1500)):
        new = [start for start, width in zip(board.starts[pin], board.pulses[pin]) if abs(width - us) < EXACT_US]
        relax_us = 1000 * (times or (500, 3000))[1]
        assert new[-1] - new[0] == pytest.approx(relax_us, abs=2 * ROUND_US)
        assert all(gap == pytest.approx(ROUND_US, abs=50) for gap in gaps(board.starts[pin]))  # held without a break
    board.forget()
    send(board, firmata.servo_config(9, 600, 2400), firmata.write_pin(9, 1200))  # a word to one brings no other back
    assert set(board.next([9], 5)) == {9}


@pytest.mark.parametrize("text", ["host silent: holding", "host silent: limp"])
def test_who_comes_back_after_silence_moves_servos_slowly_at_first(text: str, bench: Callable[..., Scope]) -> None:
    board, asleep = bench(), firmata.watchdog(0, 0)
    start(board, {WRIST: 1000, JAW: 1300})
    board.board.set_watchdog(0.2, 0.7 if text.endswith("limp") else 0.0)
    silence_until(board, text)
    board.forget()
    send(board, asleep, firmata.write_pin(WRIST, 1500), firmata.write_pin(JAW, 1100))
    board.until(lambda seen: reached(seen, WRIST, 1500) and reached(seen, JAW, 1100))
    for pin, us in ((WRIST, 1000), (JAW, 1300)):
        assert board.pulses[pin][0] == pytest.approx(us, abs=GENTLE_US + EXACT_US)
        assert np.abs(np.diff(board.pulses[pin])).max() < GENTLE_US + EXACT_US
    board.forget()
    board.until(lambda seen: WRIST in seen)
    board.board.write({WRIST: 1000})  # at its own speed again
    board.until(lambda seen: reached(seen, WRIST, 1000))
    assert np.abs(np.diff(board.pulses[WRIST])).max() == pytest.approx(500, abs=2 * EXACT_US)


def test_a_board_with_another_sketch_is_refused(scope: Callable[..., Scope]) -> None:
    mega = scope().mega
    board = FirmataBoard("left", mega.connect, time.monotonic, sketch="inmoov_servos")
    board.open()
    message = r"board left runs StandardFirmata.ino, not inmoov_servos as in the hardware file"
    with pytest.raises(LinkLost, match=message):
        poll_until_ready(board)
    assert board.state is BoardState.CLOSED


def poll_until_ready(board: FirmataBoard) -> None:
    while board.poll() is not BoardState.READY:
        time.sleep(0.01)


def reached(seen: dict[int, list[float]], pin: int, us: int) -> bool:
    widths = seen.get(pin, ())
    return len(widths) > 2 and abs(widths[-1] - us) < EXACT_US
