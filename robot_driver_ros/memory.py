"""What a driver leaves for the next one, however it ends: where it sent the servos last, and whether it was stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from robot_interface_ros.config import ConfigError

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
RECORD = 8192  # bytes; 96 servos on ports of long names need less


@dataclass(frozen=True)
class Left:
    """What there is to know."""

    pulses: dict[str, int]
    """The last pulse, microseconds, that each pin was sent; `place` names the pins."""
    emergency_stopped: bool = False
    """Whether there was an emergency stop that nobody has ended."""
    disabled: bool = False
    """Whether an operator had taken the torque off."""

    @property
    def line(self) -> str:
        """What it means for a driver that begins with it."""
        begins = "beginning where a driver before this one left the servos"
        stopped = self.emergency_stopped or self.disabled
        return begins + (", and stopped as it was: enable with true lets it move" if stopped else "")


def place(port: str, pin: int) -> str:
    """What a pin is called, whatever hangs on it."""
    return f"{port} pin {pin}"


class Memory:
    """One file for one set of ports. It is written in one piece, in place, so that kill -9 leaves the last one.

    It does not outlive a boot of this machine: nobody knows what has moved since.
    """

    def __init__(self, ports: Iterable[str], folder: Path | None = None):
        """`folder`: where the file lies; None: where the user keeps such things. Raises ConfigError."""
        name = "+".join(sorted("".join(c if c.isalnum() else "_" for c in port).strip("_") for port in ports))
        self.path = (folder or _state_folder()) / f"driver_{name}.json"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(
                f"cannot write down the servos' pulses in {self.path} ({error.strerror}); XDG_STATE_HOME=... moves it, "
                "remember:=false does without"
            ) from None
        self._kept: Left | None = None

    def recall(self) -> Left | None:
        """Return what a driver before this one has left since this machine was started, None where there was none."""
        try:
            found = json.loads(os.pread(self._file, RECORD, 0))
            boot = found.pop("boot")
            pulses = {str(pin): int(us) for pin, us in found.pop("pulses").items()}
            return Left(pulses, **found) if boot == _boot() else None
        except (ValueError, TypeError, KeyError, AttributeError):  # empty, or not ours
            return None

    def keep(self, left: Left) -> None:
        """Write it down, if it is anything new."""
        if left == self._kept:
            return
        text = json.dumps({"boot": _boot(), **vars(left)})
        os.pwrite(self._file, text.encode().ljust(RECORD), 0)
        self._kept = left

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def _boot() -> str:
    return BOOT_ID.read_text().strip()


def _state_folder() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "rl_trainer_ros"
