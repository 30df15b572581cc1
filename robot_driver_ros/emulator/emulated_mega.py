"""Runs the emulated Mega and receives the pulses on its pins."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from robot_driver_ros.boards.links import LinkLost, SerialLink
from robot_driver_ros.emulator import build
from robot_interface_ros.errors import RobotError

START_TIMEOUT_S = 20.0
SILENT_AFTER_S = 0.05  # of the board's time: two and a half refreshes
BOOT_MS = 500  # of the boot loader; together with the sketch's start, the two seconds of an Arduino Mega


class EmulatedMega:
    """One emulated board. Its port is a file whose name stays the same after `unplug` and `plug`.

    A thread reads the emulator's output and calls `on_pulse(pin, microseconds, start)` for every pulse, `start` in
    microseconds of the board's time.
    """

    def __init__(
        self,
        boot_ms: int = BOOT_MS,
        firmware: Path | None = None,
        on_pulse: Callable[[int, float, int], None] | None = None,
        speed: float = 1.0,
    ):
        """Plug the board in; it runs `speed` times as fast as an Arduino, if the machine is fast enough.

        Raises RobotError if the emulator was never built.
        """
        if not build.is_ready():
            raise RobotError(f"no emulated board in {build.folder()}; make it with: make emulator")
        self._folder = tempfile.TemporaryDirectory(prefix="mega_")
        self.port = str(Path(self._folder.name) / "port")
        self._firmware, self._on_pulse = firmware or build.firmware(), on_pulse
        self._words = [str(boot_ms), str(speed)]
        self._silent_after_s = SILENT_AFTER_S / speed
        self._last: dict[
            int, tuple[float, float]
        ] = {}  # pin -> its last pulse, microseconds, and the time of its arrival
        self.cpu_percent = 0.0
        """CPU time of the emulation in the last second, percent of one CPU."""
        self._process: subprocess.Popen[str] | None = None
        self.plug()

    def plug(self) -> None:
        """Plug the board in (again)."""
        self._process = subprocess.Popen(
            [str(build.program()), str(self._firmware), self.port, *self._words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self._process, ready), name="mega", daemon=True).start()
        if not ready.wait(START_TIMEOUT_S) or self._process.poll() is not None:
            raise RobotError(f"the emulated board does not start: {' '.join(map(str, self._process.args))}")  # type: ignore[arg-type]

    def unplug(self) -> None:
        """Unplug the board, which ends its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def is_running(self) -> bool:
        """Whether the board is plugged in and its emulation runs; it ends if the emulated processor leaves its program."""
        return self._process is not None and self._process.poll() is None

    def connect(self) -> SerialLink:
        """Open the port, which resets the board. Raises LinkLost."""
        if not self.is_running:
            raise LinkLost(f"cannot open {self.port}: the emulated board has ended")
        return SerialLink(self.port)

    def pulses(self) -> dict[int, int]:
        """Return pin -> pulse, whole microseconds, of pins with recent pulses."""
        since = time.monotonic() - self._silent_after_s
        return {pin: round(width) for pin, (width, arrival) in dict(self._last).items() if arrival > since}

    def set_analog(self, channel: int, value: int) -> None:
        """Set the voltage of an analog input: 0 to 1023 for 0 to 5 V."""
        self._send(f"adc {channel} {round(value * 5000 / 1023)}")

    def sag(self) -> None:
        """Restart the board while its port stays open, as after a drop of the supply voltage."""
        self._send("sag")

    def close(self) -> None:
        """Unplug the board and remove its files; may be called twice."""
        self.unplug()
        self._folder.cleanup()

    def _send(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(f"{line}\n")

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            kind, *words = line.split()
            if kind == "pulse":
                pin, width, start = int(words[0]), float(words[1]), int(words[2])
                self._last[pin] = width, time.monotonic()
                if self._on_pulse is not None:
                    self._on_pulse(pin, width, start)
            elif kind == "ready":
                ready.set()
            elif kind == "reset":
                self._last.clear()
            elif kind == "load":
                self.cpu_percent = float(words[0])
        ready.set()
