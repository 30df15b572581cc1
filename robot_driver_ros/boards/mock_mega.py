"""A model of a Mega with StandardFirmata in Python, without dependencies; records the pulses on its pins.

It behaves like the emulated board with the stock firmware: a servo that was never written gets 1500 us, a timer makes no
pulses in its first 33 ms, values below 544 are degrees, pulses are clipped to the limits of SERVO_CONFIG, and opening the
port resets the board. While it blinks it keeps the first 63 received bytes. A sysex has room for 32 bytes; a longer one would
overwrite other variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from robot_driver_ros.boards import firmata
from robot_driver_ros.boards.links import BoardRefused, LinkLost

REFRESH_S = 0.02
TIMER_START_S = 0.0328  # 65536 counts of half a microsecond
PINS_PER_TIMER = 12
DEFAULT_US, LEAST_US, MOST_US = 1500, 544, 2400
BLINK_S, BUFFER, SYSEX_ROOM = 1.5, 63, 32


@dataclass
class _Servo:
    """One slot of the servo library."""

    us: int = DEFAULT_US
    min_us: int = LEAST_US
    max_us: int = MOST_US
    attached: bool = False


@dataclass
class Seen:
    """Statistics of the pulses of one pin, microseconds."""

    last: int = 0
    least: int = 10**6
    most: int = 0
    first: list[int] = field(default_factory=list)
    """The first pulse after each attaching."""


class MockMega:
    """The board; `connect` opens its port. `unplug` and `plug` simulate its cable, `sag` a supply voltage that drops."""

    def __init__(self, clock: Callable[[], float], boot_s: float = 0.0, version: tuple[int, int] = (2, 3)):
        """`version`: of StandardFirmata; from 2.4 on, pins share the slots of the Servo library."""
        self._clock, self.boot_s, self._version = clock, boot_s, version
        self.sketch = "MockFirmata.ino"
        self.servo_pins = frozenset(range(2, 50 if version < (2, 4) else 70))
        self._plugged = True
        self._connection: _Connection | None = None
        self.seen: dict[int, Seen] = {}
        """Pin -> statistics of all its pulses."""
        self.analog: dict[int, int] = {}
        """Values of the analog inputs by channel, 0 to 1023."""
        self.overran = False
        """Whether a sysex was ever too long; the behaviour of an Arduino would then be undefined."""
        self._next_refresh = 0.0
        self._reset()

    def connect(self) -> _Connection:
        """Open the port, which resets the board. Raises BoardRefused."""
        if not self._plugged:
            raise BoardRefused("cannot open mock: there is no such port; is the board plugged in?")
        self._reset()
        self._connection = _Connection(self)
        return self._connection

    def unplug(self) -> None:
        """Cut the cable and the power."""
        self.run()
        self._plugged, self._connection = False, None
        self._reset()

    def plug(self) -> None:
        """Plug the board in again."""
        self._plugged = True

    def sag(self) -> None:
        """Restart while the port stays open."""
        self.run()
        self._reset()

    def pulses(self) -> dict[int, int]:
        """Return pin -> current pulse, microseconds, of pins with pulses."""
        self.run()
        return {pin: self._slot(pin).us for pin in self._pins if self._slot(pin).attached}

    def run(self) -> None:
        """Advance the board's time to the clock's: pulses come every 20 ms."""
        now = self._clock()
        if now < self._next_refresh:
            return
        self._next_refresh = now + REFRESH_S
        for pin, slot in self._pins.items():
            servo = self._servos[slot]
            if not servo.attached or now < self._timer_from.get(slot // PINS_PER_TIMER, 0.0):
                continue
            seen = self.seen.setdefault(pin, Seen())
            seen.last, seen.least, seen.most = servo.us, min(seen.least, servo.us), max(seen.most, servo.us)
            if pin in self._silent:
                self._silent.discard(pin)
                seen.first.append(servo.us)

    def _reset(self) -> None:
        now = self._clock()
        self._ready_at, self._next_refresh = now + self.boot_s, now + REFRESH_S
        self._greeted, self._answers = False, bytearray()
        self._servos: dict[int, _Servo] = {}
        self._pins: dict[int, int] = {}  # pin -> slot
        self._free: list[int] = []
        self._timer_from: dict[int, float] = {}
        self._silent: set[int] = set()  # attached, but without a pulse since
        self._watched: set[int] = set()
        self._buffer, self._message = bytearray(), bytearray()

    def _take(self, data: bytes) -> None:
        self.run()
        missing_s = self._ready_at - self._clock()
        if missing_s > BLINK_S:
            return  # the boot loader discards it
        if missing_s > 0.0:
            self._buffer += data[: BUFFER - len(self._buffer)]
            return
        self._start()
        for byte in data:
            self._parse(byte)

    def _give(self) -> bytes:
        self.run()
        if self._clock() < self._ready_at:
            return b""
        self._start()
        answers, self._answers = bytes(self._answers), bytearray()
        values = ((channel, self.analog.get(channel, 0)) for channel in sorted(self._watched))
        return answers + b"".join(firmata.write_pin(channel, value) for channel, value in values)

    def _start(self) -> None:
        """Greet, and read the bytes received in the meantime."""
        if not self._greeted:
            self._greeted = True
            self._answers += self._version_message() + self._firmware_message()
            for byte in self._buffer:
                self._parse(byte)

    def _parse(self, byte: int) -> None:
        """Parse a byte as StandardFirmata does: a sysex lasts until the next END_SYSEX."""
        message = self._message
        if message[:1] == bytes((firmata.START_SYSEX,)):
            if byte != firmata.END_SYSEX and len(message) > SYSEX_ROOM:
                self.overran = True
                return
        elif byte & 0x80:
            message.clear()
        elif not message:
            return
        message.append(byte)
        if _is_whole(message):
            self._message = bytearray()
            self._execute(bytes(message))

    def _version_message(self) -> bytes:
        return bytes((firmata.REPORT_VERSION, *self._version))

    def _firmware_message(self) -> bytes:
        name = b"".join(bytes((letter, 0)) for letter in self.sketch.encode())
        return bytes((0xF0, 0x79, *self._version)) + name + b"\xf7"

    def _capabilities_message(self) -> bytes:
        modes = bytes((0, 1, 1, 1))  # input and output, one bit each
        pins = (modes + (b"\x04\x0e" if pin in self.servo_pins else b"") + b"\x7f" for pin in range(70))
        return b"\xf0\x6c" + b"".join(pins) + b"\xf7"

    def _execute(self, message: bytes) -> None:
        command = message[0]
        if command & 0xF0 == firmata.ANALOG_MESSAGE:
            self._write(command & 0x0F, message[1] | message[2] << 7)
        elif command & 0xF0 == firmata.REPORT_ANALOG:
            (self._watched.add if message[1] else self._watched.discard)(command & 0x0F)
        elif command == firmata.SET_PIN_MODE:
            if message[2] == firmata.SERVO:
                self._attach(message[1], LEAST_US, MOST_US)
            else:
                self._detach(message[1])
        elif command == firmata.REPORT_VERSION:
            self._answers += self._version_message()
        elif message == firmata.ask_firmware():
            self._answers += self._firmware_message()
        elif message == firmata.ask_capabilities():
            self._answers += self._capabilities_message()
        elif message[:2] == bytes((firmata.START_SYSEX, firmata.EXTENDED_ANALOG)) and len(message) >= 6:
            self._write(message[2], message[3] | message[4] << 7)
        elif message[:2] == bytes((firmata.START_SYSEX, firmata.SERVO_CONFIG)) and len(message) >= 8:
            self._detach(message[2])
            self._attach(message[2], message[3] | message[4] << 7, message[5] | message[6] << 7)

    def _write(self, pin: int, value: int) -> None:
        if pin not in self._pins or not self._slot(pin).attached:
            return
        servo = self._slot(pin)
        if value < LEAST_US:  # Servo::write reads it as degrees
            value = servo.min_us + min(value, 180) * (servo.max_us - servo.min_us) // 180
        servo.us = min(max(value, servo.min_us), servo.max_us)

    def _attach(self, pin: int, min_us: int, max_us: int) -> None:
        if pin in self._pins and self._slot(pin).attached:
            return
        if self._version < (2, 4):
            self._pins[pin] = pin - 2
        else:
            self._pins[pin] = self._free.pop() if self._free else len(self._servos)
        slot = self._pins[pin]
        servo = self._servos.setdefault(slot, _Servo())
        servo.min_us, servo.max_us, servo.attached = min_us, max_us, True
        self._timer_from.setdefault(slot // PINS_PER_TIMER, self._clock() + TIMER_START_S)
        self._silent.add(pin)

    def _detach(self, pin: int) -> None:
        if pin not in self._pins or not self._slot(pin).attached:
            return
        self._slot(pin).attached = False
        if self._version >= (2, 4):
            self._free.append(self._pins.pop(pin))

    def _slot(self, pin: int) -> _Servo:
        return self._servos[self._pins[pin]]


class _Connection:
    """The board's port while it is open; see Link."""

    def __init__(self, mega: MockMega):
        self._mega = mega

    def read(self) -> bytes:
        """See Link."""
        self._check()
        return self._mega._give()

    def write(self, data: bytes) -> None:
        """See Link."""
        self._check()
        self._mega._take(data)

    def close(self) -> None:
        """See Link; the board continues its pulses."""
        if self._mega._connection is self:
            self._mega._connection = None

    def _check(self) -> None:
        if self._mega._connection is not self:
            raise LinkLost("mock is lost: unplugged")


def _is_whole(message: bytearray) -> bool:
    command = message[0]
    if command == firmata.START_SYSEX:
        return message[-1] == firmata.END_SYSEX
    if command in (firmata.REPORT_VERSION, firmata.SYSTEM_RESET, firmata.END_SYSEX):
        return True
    return len(message) == (2 if command & 0xF0 == firmata.REPORT_ANALOG else 3)
