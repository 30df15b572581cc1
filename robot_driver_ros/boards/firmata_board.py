"""One Arduino with Firmata: greeting, servos, analog inputs. No method waits, so a control loop can own it.

The order of messages follows from how StandardFirmata handles servos (from its source and, for 2.3, from an emulated board):

* Attaching a servo starts its pulses, and a pulse can be written only to an attached pin. A servo whose pulse was never
  written gets 1500 us, which for a jaw or an elbow is far outside its limits.
* But the timer of a servo starts when the first servo is attached to it after a reset, and makes its first pulse 33 ms later
  (when its counter overflows). If servos are attached and written in a shorter burst of bytes, all their pulses are the
  written ones. So `attach` sends both in one write, for twelve servos (20.8 ms) per timer.
* A detached servo keeps its pulse for the next time. But from version 2.4 on, a pin takes the slot that was freed last, also
  that of another pin. So pins are attached here in the reverse order of detaching: each gets its own slot again.

* A busy board keeps 63 received bytes and loses the rest. Its answer about its pins takes 0.1 s. If the request was repeated,
  because the first answer was late, servos that are attached after the first answer get half a burst: one of them got
  1500 us, and those after it got no pulse. So a board is ready only when it has also answered a last request, sent after all
  others.

If its supply voltage drops, a board restarts while its port stays open, and sends nothing for two seconds. So `ask_for_life`
repeatedly requests the protocol's version, three bytes. An answer proves that all bytes written before the request have
arrived (`known`); without an answer the board is silent. A board whose answer is overdue may be restarting, and receives only
parts of messages. It gets requests but no pulses, because a SERVO_CONFIG of two halves would attach a servo with wrong
limits.
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
SILENT_AFTER_S = 1.0  # a board without an answer for this time is silent; an answer usually takes less than 0.05 s
SILENT_AFTER_POLLS = 4  # and at least this number of polls: a slow or busy host does not make a board silent
OVERDUE_S = (
    0.1  # after this time it is unknown whether the board has received the written bytes; the request is repeated
)
SAMPLING_MS = 20


class BoardState(enum.Enum):
    """State of a board's connection."""

    CLOSED = enum.auto()
    GREETING = enum.auto()
    READY = enum.auto()


@dataclass(frozen=True)
class Pulse:
    """The pulse of a pin, `us`, and the limits to which the board clips it, microseconds."""

    us: int
    min_us: int
    max_us: int


class FirmataBoard:
    """One board. Call `poll` at every control tick; after LinkLost the board is closed."""

    def __init__(
        self,
        name: str,
        open_link: Callable[[], Link],
        clock: Callable[[], float],
        sketch: str = "",
        pins: Iterable[int] = (),
    ):
        """`open_link` opens the connection, which may reset the board; `clock`: steady clock, s.

        `sketch`: name of the required sketch; `pins`: pins that must be able to drive a servo.
        """
        self.name, self._sketch, self._pins = name, sketch, frozenset(pins)
        self.state = BoardState.CLOSED
        self.firmware = ""
        self.analog: dict[int, int] = {}
        """Latest value of each watched analog input, by channel."""
        self.texts: list[str] = []
        """Texts from the sketch, the latest last."""
        self._open_link, self._clock = open_link, clock
        self._link: Link | None = None
        self._parser = Parser()
        self._attached: dict[int, Pulse] = {}
        self._detached: list[int] = []  # in the order of detaching
        self._greeted = self._checked = False  # whether the sketch, and the capabilities of its pins, are known
        self._asked_at = self._opened_at = 0.0
        self.known: dict[int, int] = {}
        """Pin -> last pulse that the board has certainly received, microseconds; kept when the board is lost."""
        self._known_before: dict[int, int] = {}
        self._written: dict[int, int] = {}
        self._question: dict[int, int] | None = None  # pulses written before the request that has no answer yet
        self._question_at, self._question_polls = 0.0, 0
        self._unended = 0  # bytes sent since the last END_SYSEX
        self.overdue = False
        """Whether the answer to `ask_for_life` is late: then only `known` is certain, and no pulse is written."""

    @property
    def attached(self) -> frozenset[int]:
        """Pins with pulses on them."""
        return frozenset(self._attached)

    def open(self) -> None:
        """Open the connection; `poll` then waits for the board's greeting. Raises LinkLost."""
        self.close()
        self._link = self._open_link()
        self._parser = Parser()
        self._opened_at = self._asked_at = self._clock()
        self.state = BoardState.GREETING

    def poll(self) -> BoardState:
        """Read received messages and return the state. Raises LinkLost, also if no sketch answers."""
        if self._link is None:
            return self.state
        try:
            for message in self._parser.feed(self._link.read()):
                self._handle(message)
            if self.state is BoardState.GREETING:
                self._ask()
        except LinkLost:
            self.close()
            raise
        return self.state

    def ask_for_life(self) -> None:
        """Request an answer from the board, if the last request has been answered. Raises LinkLost if no answer comes."""
        now = self._clock()
        if self._question is None:
            self._question, self._question_at, self._question_polls = dict(self._written), now, 0
        else:
            self._question_polls += 1
            if now - self._question_at > SILENT_AFTER_S and self._question_polls >= SILENT_AFTER_POLLS:
                self.close()
                raise LinkLost(
                    f"board {self.name} has been silent for {SILENT_AFTER_S:g} s; does its supply voltage drop, or is a cable "
                    "loose? Servos need a separate supply"
                )
            if now - self._asked_at < OVERDUE_S:
                return
            self.overdue = True
            self._send(
                bytes((firmata.END_SYSEX,))
            )  # ends a message whose end was lost, which would include the request
        self._asked_at = now
        self._send(firmata.ask_version())

    def watch(self, channels: Iterable[int]) -> None:
        """Start reports of analog inputs, every 20 ms."""
        messages = [firmata.report_analog(channel, True) for channel in channels]
        if messages:
            self._send(firmata.sampling_interval(SAMPLING_MS), *messages)

    def set_watchdog(self, hold_s: float, relax_s: float) -> None:
        """Set the silence of the host after which servos hold, and torque is off; 0: never. StandardFirmata ignores it."""
        self._send(firmata.watchdog(round(hold_s * 1e3), round(relax_s * 1e3)))

    def attach(self, pulses: Mapping[int, Pulse]) -> None:
        """Start pulses on pins; each pin has its given pulse from the first one on. Attached pins are only written.

        An `overdue` board gets nothing.
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
                if pin not in again:  # attached only to free the slot below
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
        """Set the pulses, microseconds, of attached pins in one write; an `overdue` board gets none."""
        if self.overdue:
            return
        attached = {pin: us for pin, us in pulses.items() if pin in self._attached}
        self._send(*(firmata.write_pin(pin, us) for pin, us in attached.items()))
        self._written.update(attached)

    def detach(self, pins: Iterable[int]) -> None:
        """End the pulses of these pins: torque off. It is written at any time, because a stop must not wait for an answer."""
        attached = [pin for pin in pins if pin in self._attached]
        self._send(*(firmata.set_pin_mode(pin, firmata.OUTPUT) for pin in attached))
        for pin in attached:
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

    def _handle(self, message: firmata.Message) -> None:
        if isinstance(message, Firmware):
            self._handle_greeting(message)
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

    def _handle_greeting(self, message: Firmware) -> None:
        """Check the sketch. A ready board has answered all requests, so a later greeting means that it has restarted."""
        if self.state is BoardState.READY:
            self.known = self._known_before  # the greeting began with a version, which was not an answer
            raise LinkLost(
                f"board {self.name} has restarted by itself, and its servos lost torque; does its supply voltage drop? "
                "Servos need a separate supply"
            )
        if self._sketch not in message.name:
            raise BoardRefused(
                f"board {self.name} runs {message.name}, not {self._sketch} as in the hardware file; "
                "flash that sketch (docs/inmoov_hardware.md), or set firmware: stock"
            )
        self.firmware = f"{message.name} {message.major}.{message.minor}".strip()
        if not self._greeted:  # otherwise it answers a request sent while it started
            self._greeted, self._asked_at = True, self._clock()
            self._send(firmata.ask_capabilities())

    def _check_pins(self, servo_pins: frozenset[int]) -> None:
        wrong = sorted(self._pins - servo_pins)
        if wrong:
            raise BoardRefused(
                f"board {self.name} runs {self.firmware}, which drives no servo on pin {', '.join(map(str, wrong))}, "
                f"only on {_ranges(servo_pins) or 'none at all'}. Flash StandardFirmata, or connect the servo to another pin"
            )

    def _ask(self) -> None:
        now = self._clock()
        if now - self._opened_at > GREETING_TIMEOUT_S:
            raise BoardRefused(
                f"board {self.name} runs {self.firmware}, which does not report the capabilities of its pins; flash "
                "StandardFirmata, or the current firmware/inmoov_servos"
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
    """Return numbers as ranges: 2 to 13, 22."""
    found: list[list[int]] = []
    for pin in sorted(pins):
        if found and pin == found[-1][-1] + 1:
            found[-1] = [found[-1][0], pin]
        else:
            found.append([pin])
    return ", ".join(" to ".join(map(str, ends)) for ends in found)
