"""The kinds of boards of a driver: mock, emulated, or Arduinos on serial ports."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from robot_driver_ros.boards.firmata import BAUD, ask_version, joined, write_pin
from robot_driver_ros.boards.firmata_board import FirmataBoard
from robot_driver_ros.boards.links import SerialLink
from robot_driver_ros.boards.mock_mega import MockMega
from robot_driver_ros.servos.hardware import Hardware
from robot_driver_ros.servos.servo_robot import Pulses
from robot_interface_ros.config import ConfigError, unknown_name

BOARDS = ("mock", "emulated", "serial")
MOCK_BOOT_S = 0.2
BITS_PER_BYTE = 10  # on a serial line: a start bit, eight of data, a stop bit
MOST_OF_THE_LINE = 0.9  # the rest is for longer messages, which switch servos on, so that no message queues up
OWN_SKETCH = "inmoov_servos"  # name that firmware/inmoov_servos reports


@dataclass(frozen=True)
class Boards:
    """Boards by name, with the ports of Arduinos, and the pulses on the pins of other boards. `close` ends emulators."""

    boards: Mapping[str, FirmataBoard]
    pulses: Mapping[str, Pulses] = field(default_factory=dict)
    ports: Mapping[str, str] = field(default_factory=dict)
    ends: Sequence[Callable[[], None]] = ()

    def close(self) -> None:
        """End the emulators."""
        for end in self.ends:
            end()


def make_boards(kind: str, hardware: Hardware, ports: Sequence[str] = ()) -> Boards:
    """Create the boards to which a robot's servos are connected; none of them is open yet.

    `ports`: `name=port` for each board whose port differs from the hardware file's.
    """
    used = [name for name in hardware.config.boards if any(s.config.board == name for s in hardware.servos)]
    given = _ports(ports, hardware)
    pins = {name: [s.config.pin for s in hardware.servos if s.config.board == name] for name in used}
    sketches = {name: OWN_SKETCH if hardware.config.boards[name].firmware == "watchdog" else "" for name in used}
    if kind == "mock":
        mocks = {name: MockMega(time.monotonic, MOCK_BOOT_S) for name in used}
        for name, sketch in sketches.items():
            if sketch:
                mocks[name].servo_pins = frozenset(range(2, 70))
        boards = {
            name: FirmataBoard(name, mock.connect, time.monotonic, pins=pins[name]) for name, mock in mocks.items()
        }
        return Boards(boards, {name: mock.pulses for name, mock in mocks.items()})
    if kind == "emulated":
        from robot_driver_ros.emulator import build
        from robot_driver_ros.emulator.emulated_mega import EmulatedMega

        megas = {name: EmulatedMega(firmware=build.own_firmware() if sketches[name] else None) for name in used}
        boards = {
            name: FirmataBoard(name, mega.connect, time.monotonic, sketches[name], pins[name])
            for name, mega in megas.items()
        }
        pulses = {name: mega.pulses for name, mega in megas.items()}
        return Boards(boards, pulses, ends=[mega.close for mega in megas.values()])
    if kind == "serial":
        found = {name: given[name] for name in used}
        _check_ports(found)
        boards = {
            name: FirmataBoard(name, _opener(port), time.monotonic, sketches[name], pins[name])
            for name, port in found.items()
        }
        return Boards(boards, ports=found)
    raise ConfigError(unknown_name("board", kind, BOARDS))


def check_rate(hardware: Hardware, control_hz: float) -> None:
    """Raise ConfigError if the serial line of a board is too slow for a pulse to each of its servos every period.

    All servos may move at once. Each is written every period, so that a lost byte has no lasting effect. On a line that is
    too slow, messages would queue up, and an emergency stop would wait behind them.
    """
    for name in hardware.config.boards:
        pins = [servo.config.pin for servo in hardware.servos if servo.config.board == name]
        if not pins:
            continue
        size = len(joined([ask_version(), *(write_pin(pin, 0) for pin in pins)])[0])
        most = MOST_OF_THE_LINE * BAUD / BITS_PER_BYTE / size
        if control_hz > most:
            raise ConfigError(
                f"control_hz is {control_hz:g}, but the serial line of board {name} carries its {len(pins)} servos "
                f"{math.floor(most)} times a second ({size} bytes each time, {BAUD} baud); lower control_hz, or distribute "
                "the servos over more boards"
            )


def _opener(port: str) -> Callable[[], SerialLink]:
    return lambda: SerialLink(port)


def _check_ports(ports: Mapping[str, str]) -> None:
    """Raise ConfigError for a board without a port, and for two boards with the same one, also by two names of it."""
    boards: dict[str, str] = {}
    for name, port in ports.items():
        if not port:
            raise ConfigError(
                f"board {name} has no port; `rl_trainer find_port` lists them, ports:='[{name}=...]' gives one"
            )
        other = boards.setdefault(os.path.realpath(port), name)
        if other != name:
            raise ConfigError(f"boards {other} and {name} both have the port {port}; `rl_trainer find_port` lists them")


def _ports(words: Sequence[str], hardware: Hardware) -> dict[str, str]:
    ports = {name: board.port for name, board in hardware.config.boards.items()}
    for word in filter(None, words):  # a parameter file cannot hold an empty list of texts
        name, separator, port = word.partition("=")
        if not separator:
            raise ConfigError(f"ports: cannot read '{word}'; write board=port, such as left=/dev/ttyACM0")
        if name not in ports:
            raise ConfigError(f"ports: {unknown_name('board', name, ports)}")
        ports[name] = port
    return ports
