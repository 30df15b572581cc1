"""One Arduino that speaks Firmata: greeting, servos, analog inputs. Never waits, so that a control loop can own it.

How StandardFirmata treats servos decides the order of things here (seen in its source and, for 2.3, on an emulated board):

* Attaching is what starts pulses, and a pulse can be written only to a pin that is attached. A servo that was never
  written pulses 1500 us, which for a jaw or an elbow lies far outside its limits.
* But the timer that serves a servo starts with the first one that is attached to it after a reset, and makes its first
  pulse 33 ms later (its counter runs round once). What is attached and written in one burst of bytes shorter than that
  never pulses anything but what was written. So `attach` sends both in one write, twelve servos (20.8 ms) to a timer.
* A detached servo keeps its pulse for the next time. From version 2.4 on, though, a pin takes the slot that was freed
  last, whosever it was. So pins are attached here in the reverse order of detaching: each gets its own slot back.

* It keeps 63 bytes of what comes while it is busy, and loses the rest. Its answer about its pins takes it 0.1 s. Where it
  was asked twice, because the first answer came late, servos that are attached after the first answer get half a burst: one of
  them pulsed 1500 us there, and those behind it nothing. So a board is ready when it has also answered a question that came
  after all others.

A board whose supply sags starts anew while its port stays open, and says nothing for two seconds. So `ask_for_life` asks for
the protocol's version, three bytes, again and again: an answer proves that everything written before the question has
arrived (`known`), and where none comes the board is silent. A board whose answer is overdue may be starting, and hears only
parts of what it is sent: it gets questions and no pulses, since a SERVO_CONFIG of two halves would attach a servo to limits
that nobody chose.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from robot_driver_ros.boards import firmata
from robot_driver_ros.boards.firmata import Analog, Capabilities, Firmware, Parser, Text, Version
from robot_driver_ros.boards.links import BoardRefused, Link, LinkLost

ASK_EVERY_S = 1.0
GREETING_TIMEOUT_S = 8.0  # boot loader and blinking take about 2 s
SILENT_AFTER_S = (
    1.0  # without an answer the board is silent; an answer takes less than 0.05 s, on a busy emulated board more
)
SILENT_AFTER_POLLS = 4  # and at least so many looks for one: a slow or busy host is no silent board
OVERDUE_S = 0.1  # from then on nobody knows whether the board has heard what was written; the question is repeated
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

    def __init__(
        self,
        name: str,
        open_link: Callable[[], Link],
        clock: Callable[[], float],
        sketch: str = "",
        pins: Iterable[int] = (),
    ):
        """`open_link` opens the connection, which may reset the board; `clock` counts seconds.

        `sketch`: what must answer; `pins`: those that must be able to drive a servo.
        """
        self.name, self._sketch, self._pins = name, sketch, frozenset(pins)
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
        self._greeted = self._checked = False  # what the sketch is, and what its pins can do
        self._asked_at = self._opened_at = 0.0
        self.known: dict[int, int] = {}
        """Pin -> the last pulse, microseconds, that is known to have reached the board; kept when the board is lost."""
        self._known_before: dict[int, int] = {}
        self._written: dict[int, int] = {}
        self._question: dict[int, int] | None = None  # what was written before the question that has no answer yet
        self._question_at, self._question_polls = 0.0, 0
        self._unended = 0  # bytes sent since the last END_SYSEX
        self.overdue = False
        """Whether the answer to `ask_for_life`, which sets it, is late: only `known` is sure, and no pulse is written."""

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

    def ask_for_life(self) -> None:
        """Ask whether the board is alive, once the question before has its answer. Raises LinkLost where none comes."""
        now = self._clock()
        if self._question is None:
            self._question, self._question_at, self._question_polls = dict(self._written), now, 0
        else:
            self._question_polls += 1
            if now - self._question_at > SILENT_AFTER_S and self._question_polls >= SILENT_AFTER_POLLS:
                self.close()
                raise LinkLost(
                    f"board {self.name} has been silent for {SILENT_AFTER_S:g} s; does its supply sag, or is a cable off? "
                    "Servos need a supply of their own"
                )
            if now - self._asked_at < OVERDUE_S:
                return
            self.overdue = True
            self._send(bytes((firmata.END_SYSEX,)))  # a message whose end was lost would swallow the question
        self._asked_at = now
        self._send(firmata.ask_version())

    def watch(self, channels: Iterable[int]) -> None:
        """Have analog inputs reported every 20 ms from now on."""
        messages = [firmata.report_analog(channel, True) for channel in channels]
        if messages:
            self._send(firmata.sampling_interval(SAMPLING_MS), *messages)

    def set_watchdog(self, hold_s: float, relax_s: float) -> None:
        """How long we may be silent until servos hold, and until they go limp; 0: for ever. StandardFirmata ignores it."""
        self._send(firmata.watchdog(round(hold_s * 1e3), round(relax_s * 1e3)))

    def attach(self, pulses: Mapping[int, Pulse]) -> None:
        """Start pulses on pins, each with its own from the first on. Pins that are attached already are only written.

        Nothing is written to a board that is `overdue`.
        """
        if self.overdue:
            return
        fresh = [pin for pin in pulses if pin not in self._attached]
        again = [pin for pin in fresh if pin in self._detached]
        burst: list[bytes] = []
        if again:
            deepest = min(self._detached.index(pin) for pin in again)
            freed, self._detached = self._detached[deepest:], self._detached[:deepest]
            for pin in reversed(freed):
                burst += self._start(pin, pulses[pin]) if pin in again else [firmata.set_pin_mode(pin, firmata.SERVO)]
            for pin in freed:
                if pin not in again:  # was only in the way
                    burst.append(firmata.set_pin_mode(pin, firmata.OUTPUT))
                    self._detached.append(pin)
        for pin in fresh:
            if pin not in again:
                burst += self._start(pin, pulses[pin])
        for pin, pulse in pulses.items():
            if pin not in fresh:
                burst.append(firmata.write_pin(pin, pulse.us))
        self._send(*burst)
        self._attached.update(pulses)
        self._written.update({pin: pulse.us for pin, pulse in pulses.items()})

    def write(self, pulses: Mapping[int, int]) -> None:
        """Set the pulses, microseconds, of attached pins; all in one write, and none where the board is `overdue`."""
        if self.overdue:
            return
        mine = {pin: us for pin, us in pulses.items() if pin in self._attached}
        self._send(*(firmata.write_pin(pin, us) for pin, us in mine.items()))
        self._written.update(mine)

    def detach(self, pins: Iterable[int]) -> None:
        """End the pulses of these pins: their servos go limp. Written at any time: a stop does not wait for an answer."""
        going = [pin for pin in pins if pin in self._attached]
        self._send(*(firmata.set_pin_mode(pin, firmata.OUTPUT) for pin in going))
        for pin in going:
            del self._attached[pin]
            self._detached.append(pin)

    def close(self) -> None:
        """Close the connection. The servos keep their last pulse until the board is reset or switched off."""
        if self._link is not None:
            self._link.close()
        self._link, self.state = None, BoardState.CLOSED
        self._attached, self._detached = {}, []
        self._written, self._question, self.overdue, self._unended = {}, None, False, 0
        self._greeted = self._checked = False
        self.analog.clear()

    def _start(self, pin: int, pulse: Pulse) -> list[bytes]:
        return [firmata.servo_config(pin, pulse.min_us, pulse.max_us), firmata.write_pin(pin, pulse.us)]

    def _send(self, *messages: bytes) -> None:
        if not messages:
            return
        data, self._unended = firmata.joined(messages, self._unended)
        if self._link is None:
            raise LinkLost(f"board {self.name} is not connected")
        try:
            self._link.write(data)
        except LinkLost:
            self.close()
            raise

    def _hear(self, message: firmata.Message) -> None:
        if isinstance(message, Firmware):
            self._hear_greeting(message)
        elif isinstance(message, Version):
            if self.state is BoardState.GREETING and self._checked:
                self.state = BoardState.READY
            elif self.state is BoardState.READY and self._question is not None:
                self._known_before, self.known, self._question, self.overdue = self.known, self._question, None, False
        elif isinstance(message, Capabilities):
            if self.state is BoardState.GREETING and not self._checked:
                self._check_pins(message.servo_pins)
                self._checked, self._asked_at = True, self._clock()
                self._send(firmata.ask_version())
        elif isinstance(message, Analog):
            self.analog[message.channel] = message.value
        elif isinstance(message, Text):
            self.texts = [*self.texts[-9:], message.text]

    def _hear_greeting(self, message: Firmware) -> None:
        """Whatever was asked before has been answered when the board is ready; later it greets by itself."""
        if self.state is BoardState.READY:
            self.known = self._known_before  # the greeting began with a version, which answers nothing
            raise LinkLost(
                f"board {self.name} has started anew by itself, and its servos went limp; does its supply sag? "
                "Servos need one of their own"
            )
        if self._sketch not in message.name:
            raise BoardRefused(
                f"board {self.name} runs {message.name}, not {self._sketch} as the hardware file says; "
                "flash that (docs/inmoov_hardware.md), or set firmware: stock"
            )
        self.firmware = f"{message.name} {message.major}.{message.minor}".strip()
        if not self._greeted:  # else it answers what was asked while it started
            self._greeted, self._asked_at = True, self._clock()
            self._send(firmata.ask_capabilities())

    def _check_pins(self, servo_pins: frozenset[int]) -> None:
        wrong = sorted(self._pins - servo_pins)
        if wrong:
            raise BoardRefused(
                f"board {self.name} runs {self.firmware}, which drives no servo on pin {', '.join(map(str, wrong))}; "
                f"it does on {_ranges(servo_pins) or 'none at all'}. Flash StandardFirmata, or plug the servo in elsewhere"
            )

    def _ask(self) -> None:
        now = self._clock()
        if now - self._opened_at > GREETING_TIMEOUT_S:
            raise BoardRefused(
                f"board {self.name} runs {self.firmware}, which does not say what its pins can do; flash "
                "StandardFirmata, or firmware/inmoov_servos as it is now"
                if self._greeted and not self._checked
                else f"board {self.name} does not answer within {GREETING_TIMEOUT_S:g} s; is StandardFirmata on it? "
                "Arduino IDE: File > Examples > Firmata > StandardFirmata, Upload"
            )
        if now - self._asked_at >= ASK_EVERY_S:
            self._asked_at = now
            if self._checked:
                self._send(bytes((firmata.END_SYSEX,)), firmata.ask_version())
            elif self._greeted:
                self._send(firmata.ask_capabilities())
            else:
                self._send(firmata.ask_version(), firmata.ask_firmware())


def _ranges(pins: Iterable[int]) -> str:
    """Numbers in words: 2 to 13, 22."""
    found: list[list[int]] = []
    for pin in sorted(pins):
        if found and pin == found[-1][-1] + 1:
            found[-1] = [found[-1][0], pin]
        else:
            found.append([pin])
    return ", ".join(" to ".join(map(str, ends)) for ends in found)
