"""One Arduino that speaks Firmata: greeting, servos, analog inputs. Never waits, so that a control loop can own it.

How StandardFirmata treats servos decides the order of things here (seen in its source and, for 2.3, on an emulated board):

* Attaching is what starts pulses, and a pulse can be written only to a pin that is attached. A servo that was never
  written pulses 1500 us, which for a jaw or an elbow lies far outside its limits.
* But the timer that serves a servo starts with the first one that is attached to it after a reset, and makes its first
  pulse 33 ms later (its counter runs round once). What is attached and written in one burst of bytes shorter than that
  never pulses anything but what was written. So `attach` sends both in one write, twelve servos (20.8 ms) to a timer.
* A detached servo keeps its pulse for the next time. From version 2.4 on, though, a pin takes the slot that was freed
  last, whosever it was. So pins are attached here in the reverse order of detaching: each gets its own slot back.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from robot_driver_ros import firmata
from robot_driver_ros.firmata import Analog, Firmware, Parser, Text
from robot_driver_ros.links import Link, LinkLost

ASK_EVERY_S = 1.0
GREETING_TIMEOUT_S = 8.0  # boot loader and blinking take about 2 s
LATE_GREETINGS_S = 3.0  # answers to what was asked while the board started; a greeting after that means a restart
SAMPLING_MS = 20


class BoardState(enum.Enum):
    """Where a board stands."""

    CLOSED = enum.auto()
    GREETING = enum.auto()
    READY = enum.auto()


@dataclass(frozen=True)
class Pulse:
    """What a pin is to do: `us`, and the limits that the board itself clips to, microseconds."""

    us: int
    min_us: int
    max_us: int


class FirmataBoard:
    """One board. Call `poll` at every control tick; whatever raises LinkLost leaves it closed."""

    def __init__(self, name: str, open_link: Callable[[], Link], clock: Callable[[], float], sketch: str = ""):
        """`open_link` opens the connection, which may reset the board; `clock` counts seconds; `sketch` is what must answer."""
        self.name, self._sketch = name, sketch
        self.state = BoardState.CLOSED
        self.firmware = ""
        self.analog: dict[int, int] = {}
        """Latest value of each watched analog input, by channel."""
        self.texts: list[str] = []
        """What the sketch said, latest last."""
        self._open_link, self._clock = open_link, clock
        self._link: Link | None = None
        self._parser = Parser()
        self._attached: dict[int, Pulse] = {}
        self._detached: list[int] = []  # the one that was detached last is the last
        self._asked_at = self._opened_at = self._ready_at = 0.0

    @property
    def attached(self) -> frozenset[int]:
        """Pins with pulses on them."""
        return frozenset(self._attached)

    def open(self) -> None:
        """Open the connection and begin to wait, in `poll`, for the board's greeting. Raises LinkLost."""
        self.close()
        self._link = self._open_link()
        self._parser = Parser()
        self._opened_at = self._asked_at = self._clock()
        self.state = BoardState.GREETING

    def poll(self) -> BoardState:
        """Read what has come; returns the state. Raises LinkLost, also where no sketch answers."""
        if self._link is None:
            return self.state
        try:
            for message in self._parser.feed(self._link.read()):
                self._hear(message)
            if self.state is BoardState.GREETING:
                self._ask()
        except LinkLost:
            self.close()
            raise
        return self.state

    def watch(self, channels: Iterable[int]) -> None:
        """Have analog inputs reported every 20 ms from now on."""
        messages = [firmata.report_analog(channel, True) for channel in channels]
        if messages:
            self._send(firmata.sampling_interval(SAMPLING_MS) + b"".join(messages))

    def set_watchdog(self, hold_s: float, relax_s: float) -> None:
        """How long we may be silent until servos hold, and until they go limp; 0: for ever. StandardFirmata ignores it."""
        self._send(firmata.watchdog(round(hold_s * 1e3), round(relax_s * 1e3)))

    def attach(self, pulses: Mapping[int, Pulse]) -> None:
        """Start pulses on pins, each with its own from the first on. Pins that are attached already are only written."""
        fresh = [pin for pin in pulses if pin not in self._attached]
        again = [pin for pin in fresh if pin in self._detached]
        burst = bytearray()
        if again:
            deepest = min(self._detached.index(pin) for pin in again)
            freed, self._detached = self._detached[deepest:], self._detached[:deepest]
            for pin in reversed(freed):
                burst += self._start(pin, pulses[pin]) if pin in again else firmata.set_pin_mode(pin, firmata.SERVO)
            for pin in freed:
                if pin not in again:  # was only in the way
                    burst += firmata.set_pin_mode(pin, firmata.OUTPUT)
                    self._detached.append(pin)
        for pin in fresh:
            if pin not in again:
                burst += self._start(pin, pulses[pin])
        for pin, pulse in pulses.items():
            if pin not in fresh:
                burst += firmata.write_pin(pin, pulse.us)
        self._send(bytes(burst))
        self._attached.update(pulses)

    def write(self, pulses: Mapping[int, int]) -> None:
        """Set the pulses, microseconds, of attached pins; all in one write."""
        self._send(b"".join(firmata.write_pin(pin, us) for pin, us in pulses.items() if pin in self._attached))

    def detach(self, pins: Iterable[int]) -> None:
        """End the pulses of these pins: their servos go limp."""
        going = [pin for pin in pins if pin in self._attached]
        self._send(b"".join(firmata.set_pin_mode(pin, firmata.OUTPUT) for pin in going))
        for pin in going:
            del self._attached[pin]
            self._detached.append(pin)

    def close(self) -> None:
        """Close the connection. The servos keep their last pulse until the board is reset or switched off."""
        if self._link is not None:
            self._link.close()
        self._link, self.state = None, BoardState.CLOSED
        self._attached, self._detached = {}, []
        self.analog.clear()

    def _start(self, pin: int, pulse: Pulse) -> bytes:
        return firmata.servo_config(pin, pulse.min_us, pulse.max_us) + firmata.write_pin(pin, pulse.us)

    def _send(self, data: bytes) -> None:
        if not data:
            return
        if self._link is None:
            raise LinkLost(f"board {self.name} is not connected")
        try:
            self._link.write(data)
        except LinkLost:
            self.close()
            raise

    def _hear(self, message: firmata.Message) -> None:
        if isinstance(message, Firmware):
            if self._sketch not in message.name:
                raise LinkLost(
                    f"board {self.name} runs {message.name}, not {self._sketch} as the hardware file says; "
                    "flash that (docs/inmoov_hardware.md), or set firmware: stock"
                )
            self.firmware = f"{message.name} {message.major}.{message.minor}".strip()
            if self.state is BoardState.GREETING:
                self.state, self._ready_at = BoardState.READY, self._clock()
            elif self._clock() - self._ready_at > LATE_GREETINGS_S:
                raise LinkLost(
                    f"board {self.name} has started anew by itself, and its servos went limp; does its supply sag? "
                    "Servos need one of their own"
                )
        elif isinstance(message, Analog):
            self.analog[message.channel] = message.value
        elif isinstance(message, Text):
            self.texts = [*self.texts[-9:], message.text]

    def _ask(self) -> None:
        now = self._clock()
        if now - self._opened_at > GREETING_TIMEOUT_S:
            raise LinkLost(
                f"board {self.name} does not answer within {GREETING_TIMEOUT_S:g} s; is StandardFirmata on it? "
                "Arduino IDE: File > Examples > Firmata > StandardFirmata, Upload"
            )
        if now - self._asked_at >= ASK_EVERY_S:
            self._asked_at = now
            self._send(firmata.ask_version() + firmata.ask_firmware())
