"""Record the pins of an emulated board."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard
from robot_driver_ros.emulator.emulated_mega import EmulatedMega
from robot_driver_ros.servos.hardware import Hardware
from robot_driver_ros.servos.pulse_tables import Servo

WAIT_S = 60.0
LATE_US = 60.0
"""The stock sketch may end a pulse so much too late: interrupts of other servo timers and of the serial line hold it up."""
ONE_TIMER_LATE_US = 15.0
"""The same for a board whose servos all use one timer. The clock's interrupt, every 1.024 ms, takes up to 6.6 of them even
when no byte comes in: one pulse in a few thousand."""


class Scope:
    """An emulated board, and all events on its pins since it was plugged in."""

    def __init__(self, speed: float = 1.0, firmware: Path | None = None):
        self._changed = threading.Condition()
        self.pulses: dict[int, list[float]] = {}
        self.starts: dict[int, list[int]] = {}
        """When those pulses began, microseconds of the board's time."""
        self.mega = EmulatedMega(boot_ms=0, firmware=firmware, on_pulse=self._on_pulse, speed=speed)
        self.board = FirmataBoard("board", self.mega.connect, time.monotonic)

    def greet(self) -> None:
        self.board.open()
        deadline = time.monotonic() + WAIT_S
        while self.board.poll() is not BoardState.READY:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.forget()  # the sketch blinks its version on pin 13

    def forget(self) -> None:
        with self._changed:
            self.pulses.clear()
            self.starts.clear()

    def until(self, condition: Callable[[dict[int, list[float]]], bool], copy: bool = True) -> dict[int, list[float]]:
        """Wait until the events since the last `forget` fulfil a condition; return them, as a copy or as the growing list."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.pulses), WAIT_S), "the board fell silent"
            return {pin: list(widths) for pin, widths in self.pulses.items()} if copy else self.pulses

    def next(self, pins: list[int], count: int = 4) -> dict[int, list[float]]:
        """Return the next `count` pulses of each pin; the first two may have begun before the call."""
        self.forget()
        return self.until(lambda pulses: all(len(pulses.get(pin, ())) >= count for pin in pins))

    def until_silent(self) -> dict[int, list[float]]:
        """Return the events until no pin has had a pulse for a second."""
        with self._changed:
            while self._changed.wait(1.0):
                pass
            return {pin: list(widths) for pin, widths in self.pulses.items()}

    def _on_pulse(self, pin: int, width: float, start: int) -> None:
        with self._changed:
            self.pulses.setdefault(pin, []).append(width)
            self.starts.setdefault(pin, []).append(start)
            self._changed.notify_all()


def biggest_step(widths: list[float]) -> float:
    return float(np.abs(np.diff(widths)).max(initial=0.0))


def way_of(servo: Servo, hardware: Hardware, seconds: float) -> float:
    """Return the change of a servo's pulse in this time at its top speed, microseconds."""
    speed = hardware.description.limits.velocity[hardware.description.joint_names.index(servo.joint)]
    return float(speed * seconds / abs(servo.angle(1001) - servo.angle(1000)))
