"""The Firmata codec: known answers from the protocol's description, and incomplete and noisy input."""

from __future__ import annotations

import numpy as np
import pytest

from robot_driver_ros.boards import firmata
from robot_driver_ros.boards.firmata import Analog, Capabilities, Firmware, Message, Parser, Text, Version


@pytest.mark.parametrize(
    "message, expected",
    [
        (firmata.servo_config(9, 544, 2400), "f0 70 09 20 04 60 12 f7"),
        (firmata.write_pin(8, 1200), "e8 30 09"),
        (firmata.write_pin(15, 2400), "ef 60 12"),
        (firmata.write_pin(16, 1500), "f0 6f 10 5c 0b f7"),  # 0xE0 + 16 would be START_SYSEX
        (firmata.write_pin(31, 900), "f0 6f 1f 04 07 f7"),  # 0xE0 + 31 would be SYSTEM_RESET
        (firmata.set_pin_mode(26, firmata.SERVO), "f4 1a 04"),
        (firmata.set_pin_mode(7, firmata.OUTPUT), "f4 07 01"),
        (firmata.report_analog(3, True), "c3 01"),
        (firmata.sampling_interval(20), "f0 7a 14 00 f7"),
        (firmata.watchdog(500, 3000), "f0 01 74 03 38 17 f7"),
        (firmata.ask_version(), "f9"),
        (firmata.ask_firmware(), "f0 79 f7"),
        (firmata.ask_capabilities(), "f0 6b f7"),
    ],
)
def test_messages_to_the_board(message: bytes, expected: str) -> None:
    assert message.hex(" ") == expected


@pytest.mark.parametrize(
    "received, expected",
    [
        ("f9 02 03", [Version(2, 3)]),
        ("f0 79 02 03 53 00 74 00 64 00 f7", [Firmware(2, 3, "Std")]),
        ("f0 71 7a 00 69 01 f7", [Text("z\u00e9")]),
        ("e3 7f 07", [Analog(3, 1023)]),
        ("f0 6f 12 01 02 f7", [Analog(18, 257)]),
        ("90 01 00", []),  # a digital port: nothing of ours
        ("f0 6a 7f f7", []),  # a sysex that we have no use for
        ("f0 6c 7f 00 01 04 0e 7f 04 0e 7f 02 0a 7f f7", [Capabilities(frozenset({1, 2}))]),  # pin 3 is analog only
        ("f0 79 02 f7", []),  # cut short
    ],
)
def test_messages_from_the_board(received: str, expected: list[Message]) -> None:
    data = bytes.fromhex(received)
    assert Parser().feed(data) == expected
    parser = Parser()
    assert [message for byte in data for message in parser.feed(bytes((byte,)))] == expected


@pytest.mark.parametrize(
    "received, expected",
    [
        ("05 66 f9 02 03", [Version(2, 3)]),  # data that belongs to nothing
        ("f7 f9 02 03 09", [Version(2, 3)]),  # an end without a beginning
        ("f0 79 02 03 53 f9 02 05", [Version(2, 5)]),  # a sysex that was cut by another message
        ("f9 02 f9 02 03", [Version(2, 3)]),
        ("f0 71 41 00 f0 71 42 00 f7", [Text("B")]),
        ("f0 71" + " 41" * 5000 + " f7 e0 01 00", [Analog(0, 1)]),  # too long to be true
    ],
)
def test_noise_costs_the_messages_it_hits_and_no_more(received: str, expected: list[Message]) -> None:
    assert Parser().feed(bytes.fromhex(received)) == expected


def test_a_million_random_bytes_neither_raise_nor_hide_what_follows() -> None:
    generator = np.random.default_rng(6)
    parser = Parser()
    for _ in range(2000):
        noise = generator.integers(0, 256, int(generator.integers(0, 1000)), dtype=np.uint8).tobytes()
        for start in range(0, len(noise), 97):
            parser.feed(noise[start : start + 97])
        assert parser.feed(bytes.fromhex("f9 02 03"))[-1] == Version(2, 3)


@pytest.mark.parametrize("pin", range(128))
def test_no_data_byte_ever_looks_like_a_command(pin: int) -> None:
    generator = np.random.default_rng(pin)
    low, high, value = (int(number) for number in generator.integers(0, 1 << 14, 3))
    for message in (firmata.servo_config(pin, low, high), firmata.write_pin(pin, value)):
        inside = message[1:-1] if message[0] == firmata.START_SYSEX else message[1:]
        assert all(byte < 0x80 for byte in inside)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "call", [lambda: firmata.write_pin(128, 0), lambda: firmata.write_pin(3, 1 << 14), lambda: firmata.write_pin(3, -1)]
)
def test_what_does_not_fit_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match="allowed: 0 to"):
        call()  # type: ignore[operator]


def test_no_more_than_twelve_bytes_go_out_without_an_end_of_sysex() -> None:
    generator, unended, sent, told = np.random.default_rng(5), 0, b"", b""
    for _ in range(500):
        messages = [
            (firmata.write_pin(pin, 1500), firmata.servo_config(pin, 600, 2400), firmata.set_pin_mode(pin, 1), b"\xf9")[
                kind
            ]
            for pin, kind in zip(generator.integers(2, 50, 17).tolist(), generator.integers(0, 4, 17).tolist())
        ]
        data, unended = firmata.joined(messages, unended)
        sent, told = sent + data, told + b"".join(messages)
    assert max(map(len, sent.split(b"\xf7"))) <= 12
    assert sent.replace(b"\xf7", b"") == told.replace(b"\xf7", b"")
    assert firmata.joined([firmata.servo_config(8, 600, 2400)] * 3) == (firmata.servo_config(8, 600, 2400) * 3, 0)
