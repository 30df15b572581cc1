"""Firmata, the protocol of an Arduino with the stock StandardFirmata sketch. Pure: values to bytes, bytes to values.

Source: github.com/firmata/protocol, protocol.md, version 2.3 and later. Commands have the top bit set, data bytes have not;
larger numbers are sent as two 7-bit bytes, the lower first. A sysex message has any number of data bytes between
START_SYSEX and END_SYSEX.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BAUD = 57600  # what StandardFirmata sets

ANALOG_MESSAGE = 0xE0  # | channel or pin, 0 to 15
REPORT_ANALOG = 0xC0  # | channel
SET_PIN_MODE = 0xF4
REPORT_VERSION = 0xF9
SYSTEM_RESET = 0xFF
START_SYSEX = 0xF0
END_SYSEX = 0xF7

WATCHDOG = 0x01  # not part of Firmata: only the sketch firmware/inmoov_servos uses it; others ignore it
CAPABILITY_QUERY = 0x6B
CAPABILITY_RESPONSE = 0x6C
EXTENDED_ANALOG = 0x6F
SERVO_CONFIG = 0x70
STRING_DATA = 0x71
REPORT_FIRMWARE = 0x79
SAMPLING_INTERVAL = 0x7A

OUTPUT, SERVO = 1, 4  # pin modes

MOST_PIN = 127
MOST_VALUE = (1 << 14) - 1
NO_MORE_MODES = 0x7F  # ends a pin's entry in a capability response
MOST_UNENDED = 12  # largest number of bytes sent between two END_SYSEX
LONGEST_SYSEX = 4096  # bytes; 70 pins with many modes each are 1 to 2 KiB; limits the memory that noise can take


@dataclass(frozen=True)
class Version:
    """The protocol's version."""

    major: int
    minor: int


@dataclass(frozen=True)
class Firmware:
    """The version and the name of the sketch."""

    major: int
    minor: int
    name: str


@dataclass(frozen=True)
class Analog:
    """An analog input: `channel` counts from A0, `value` is the converter's, 0 to 1023 on a Mega."""

    channel: int
    value: int


@dataclass(frozen=True)
class Text:
    """A text from the sketch, such as an error."""

    text: str


@dataclass(frozen=True)
class Capabilities:
    """The capabilities of the pins."""

    servo_pins: frozenset[int]
    """Pins that have the mode SERVO."""


Message = Version | Firmware | Analog | Text | Capabilities


def servo_config(pin: int, min_us: int, max_us: int) -> bytes:
    """Attach a servo: the board sends pulses on `pin` and clips written values to `min_us`..`max_us`, microseconds."""
    return _sysex(SERVO_CONFIG, _pin(pin), *_two(min_us), *_two(max_us))


def set_pin_mode(pin: int, mode: int) -> bytes:
    """Set the mode of a pin; every mode but SERVO ends a servo's pulses."""
    return bytes((SET_PIN_MODE, _pin(pin), mode))


def write_pin(pin: int, value: int) -> bytes:
    """Set the pulse of an attached servo, microseconds (values below 544 would be read as degrees).

    The short message is only for pins 0 to 15: 0xE0 | 16 would be START_SYSEX, 0xE0 | 31 SYSTEM_RESET.
    """
    if pin <= 15:
        return bytes((ANALOG_MESSAGE | _pin(pin), *_two(value)))
    return _sysex(EXTENDED_ANALOG, _pin(pin), *_two(value))


def joined(messages: Iterable[bytes], unended: int = 0) -> tuple[bytes, int]:
    """Join messages, with an additional END_SYSEX before more than MOST_UNENDED bytes would be sent without one.

    StandardFirmata 2.3 stores a sysex of any length in 32 bytes, without a check. If the end of a message is lost, the
    following bytes are stored behind it, over other variables, up to the next END_SYSEX. A restarting board loses bytes:
    it keeps the first 63 of the second in which it blinks. An additional END_SYSEX is ignored.

    `unended`: number of bytes since the last END_SYSEX before these messages; the number after them is returned.
    """
    data = bytearray()
    for message in messages:
        ends = message[-1] == END_SYSEX
        if unended + len(message) - ends > MOST_UNENDED:
            data.append(END_SYSEX)
            unended = 0
        data += message
        unended = 0 if ends else unended + len(message)
    return bytes(data), unended


def report_analog(channel: int, enabled: bool) -> bytes:
    """Start or stop reports of an analog input at every sampling interval."""
    if not 0 <= channel <= 15:
        raise ValueError(f"analog channel {channel}; allowed: 0 to 15")
    return bytes((REPORT_ANALOG | channel, int(enabled)))


def sampling_interval(interval_ms: int) -> bytes:
    """Set the interval of the reports of analog inputs."""
    return _sysex(SAMPLING_INTERVAL, *_two(interval_ms))


def watchdog(hold_ms: int, relax_ms: int) -> bytes:
    """Set the silence of the host after which servos hold, and after which torque is off; 0: never. Only for our sketch."""
    return _sysex(WATCHDOG, *_two(hold_ms), *_two(relax_ms))


def ask_version() -> bytes:
    """Request a Version."""
    return bytes((REPORT_VERSION,))


def ask_firmware() -> bytes:
    """Request a Firmware."""
    return _sysex(REPORT_FIRMWARE)


def ask_capabilities() -> bytes:
    """Request Capabilities."""
    return _sysex(CAPABILITY_QUERY)


class Parser:
    """Converts received bytes to messages, for reads of any length and with noise between messages.

    A command byte within a message discards this message; data bytes outside messages are dropped.
    """

    def __init__(self) -> None:
        self._command = 0  # 0: between messages
        self._data = bytearray()

    def feed(self, received: bytes) -> list[Message]:
        """Return the messages that `received` completes."""
        messages = []
        for byte in received:
            message = self._take(byte)
            if message is not None:
                messages.append(message)
        return messages

    def _take(self, byte: int) -> Message | None:
        if byte == END_SYSEX:
            data, complete = bytes(self._data), self._command == START_SYSEX
            self._begin(0)
            return _read_sysex(data) if complete else None
        if byte & 0x80:
            self._begin(byte)
            return None
        if not self._command:
            return None
        self._data.append(byte)
        if self._command == START_SYSEX:
            if len(self._data) > LONGEST_SYSEX:
                self._begin(0)
            return None
        if len(self._data) < 2:
            return None
        command, (low, high) = self._command, self._data
        self._begin(0)
        if command == REPORT_VERSION:
            return Version(low, high)
        if command & 0xF0 == ANALOG_MESSAGE:
            return Analog(command & 0x0F, low | high << 7)
        return None

    def _begin(self, command: int) -> None:
        self._command = command
        self._data.clear()


def _read_sysex(data: bytes) -> Message | None:
    """Return the message between START_SYSEX and END_SYSEX; None for unused and incomplete messages."""
    if len(data) >= 3 and data[0] == REPORT_FIRMWARE:
        return Firmware(data[1], data[2], _text(data[3:]))
    if data[:1] == bytes((CAPABILITY_RESPONSE,)):
        return Capabilities(_servo_pins(data[1:]))
    if len(data) >= 1 and data[0] == STRING_DATA:
        return Text(_text(data[1:]))
    if len(data) >= 3 and data[0] == EXTENDED_ANALOG:
        return Analog(data[1], data[2] | (data[3] << 7 if len(data) > 3 else 0))
    return None


def _servo_pins(data: bytes) -> frozenset[int]:
    """Return the pins with the mode SERVO; each pin's entry is (mode, resolution) pairs and then NO_MORE_MODES."""
    found, pin, place = set(), 0, 0
    while place < len(data):
        if data[place] == NO_MORE_MODES:
            pin, place = pin + 1, place + 1
            continue
        if data[place] == SERVO:
            found.add(pin)
        place += 2
    return frozenset(found)


def _text(data: bytes) -> str:
    """Return text whose characters were sent as two 7-bit bytes each."""
    return "".join(chr(low | high << 7) for low, high in zip(data[::2], data[1::2]))


def _sysex(command: int, *data: int) -> bytes:
    return bytes((START_SYSEX, command, *data, END_SYSEX))


def _pin(pin: int) -> int:
    if not 0 <= pin <= MOST_PIN:
        raise ValueError(f"pin {pin}; allowed: 0 to {MOST_PIN}")
    return pin


def _two(value: int) -> tuple[int, int]:
    if not 0 <= value <= MOST_VALUE:
        raise ValueError(f"value {value} does not fit into two 7-bit bytes; allowed: 0 to {MOST_VALUE}")
    return value & 0x7F, value >> 7
