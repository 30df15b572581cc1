"""Runs the emulated Mega and hears what its pins do."""

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
SILENT_AFTER_S = 0.05  # of the board's time: two refreshes and a half
BOOT_MS = 500  # of the boot loader; with the sketch's own start this comes to the two seconds of a real Mega


class EmulatedMega:
    """One emulated board, from `plug` to `unplug`; its port is a file that stays the same over both.

    Lines come in a thread of their own; `on_pulse(pin, microseconds, start)` is called there for every pulse, `start` in
    microseconds of the board's time.
    """

    def __init__(
        self,
        boot_ms: int = BOOT_MS,
        firmware: Path | None = None,
        on_pulse: Callable[[int, float, int], None] | None = None,
        speed: float = 1.0,
    ):
        """Plug it in; it runs `speed` times as fast as a real one, where the machine can.

        Raises RobotError where the emulator was never built.
        """
        if not build.is_ready():
            raise RobotError(f"no emulated board in {build.folder()}; make it with: make emulator")
        self._folder = tempfile.TemporaryDirectory(prefix="mega_")
        self.port = str(Path(self._folder.name) / "port")
        self._firmware, self._on_pulse = firmware or build.firmware(), on_pulse
        self._words = [str(boot_ms), str(speed)]
        self._silent_after_s = SILENT_AFTER_S / speed
        self._last: dict[int, tuple[float, float]] = {}  # pin -> its last pulse, microseconds, and when it was heard
        self.cpu_percent = 0.0
        """Share of one CPU that the emulation took in the last second."""
        self._process: subprocess.Popen[str] | None = None
        self.plug()

    def plug(self) -> None:
        """Plug it in (again)."""
        self._process = subprocess.Popen(
            [str(build.program()), str(self._firmware), self.port, *self._words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        ready = threading.Event()
        threading.Thread(target=self._hear, args=(self._process, ready), name="mega", daemon=True).start()
        if not ready.wait(START_TIMEOUT_S) or self._process.poll() is not None:
            raise RobotError(f"the emulated board does not start: {' '.join(map(str, self._process.args))}")  # type: ignore[arg-type]

    def unplug(self) -> None:
        """Cut cable and power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def is_running(self) -> bool:
        """Whether it is plugged in, and its emulation goes on: it ends where the emulated processor runs off its program."""
        return self._process is not None and self._process.poll() is None

    def connect(self) -> SerialLink:
        """Open the port, which resets the board. Raises LinkLost."""
        if not self.is_running:
            raise LinkLost(f"cannot open {self.port}: the emulated board has ended")
        return SerialLink(self.port)

    def pulses(self) -> dict[int, int]:
        """The pulses, whole microseconds, on pins that have pulsed lately."""
        since = time.monotonic() - self._silent_after_s
        return {pin: round(width) for pin, (width, heard) in dict(self._last).items() if heard > since}

    def set_analog(self, channel: int, value: int) -> None:
        """Put a voltage on an analog input: 0 to 1023 for 0 to 5 V."""
        self._tell(f"adc {channel} {round(value * 5000 / 1023)}")

    def sag(self) -> None:
        """Start the board anew while its port stays open, as a supply that sags does."""
        self._tell("sag")

    def close(self) -> None:
        """Unplug it for good; safe to call twice."""
        self.unplug()
        self._folder.cleanup()

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(f"{line}\n")

    def _hear(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
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
