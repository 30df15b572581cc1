"""What a driver leaves for the next one, however it ends: where it sent the servos last, and whether it was stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.checked_values import whole
from robot_interface_ros.files.untrusted_files import parse_json

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
RECORD = 4096  # bytes; a board's 68 pins need a quarter
LONGEST_US = 20_000  # a servo's whole frame

Pulses = Mapping[str, Mapping[int, int]]
"""Port -> pin -> microseconds."""


@dataclass(frozen=True)
class Left:
    """What there is to know."""

    pulses: Pulses = field(default_factory=dict)
    """The last pulse that each pin was sent."""
    emergency_stopped: bool = False
    """Whether there was an emergency stop that nobody has ended."""
    disabled: bool = False
    """Whether an operator had taken the torque off."""

    def line(self, servos: int) -> str:
        """What it means for a driver of which so many servos were sent something before; empty: nothing."""
        stopped = self.emergency_stopped or self.disabled
        may_move = "enable with true lets it move"
        if servos:
            begins = f"beginning where a driver before this one left the servos ({servos} of them)"
            return begins + (f", and stopped as it was: {may_move}" if stopped else "")
        return f"stopped as the driver before this one was: {may_move}" if stopped else ""


class Memory:
    """One file for each port. It is written in one piece, in place, so that kill -9 leaves the last one.

    It does not outlive a boot of this machine: nobody knows what has moved since.
    """

    def __init__(self, ports: Iterable[str], folder: Path | None = None):
        """`folder`: where the files lie; None: where the user keeps such things. Raises ConfigError."""
        self.folder = folder or _state_folder()
        self._boot = BOOT_ID.read_text().strip()
        self._files: dict[str, int] = {}
        self._kept: Left | None = None
        for port in ports:
            path = self.path(port)
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._files[port] = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError as error:
                self.close()
                raise ConfigError(
                    f"cannot write down the servos' pulses in {path} ({error.strerror}); XDG_STATE_HOME=... moves it, "
                    "remember:=false does without"
                ) from None

    def path(self, port: str) -> Path:
        """Where what is known of the board on a port lies."""
        return self.folder / f"driver_{''.join(c if c.isalnum() else '_' for c in port).strip('_')}.json"

    def recall(self) -> Left | None:
        """Return what drivers before this one have left since this machine was started, None where there is nothing.

        Boards that were driven by different ones count as stopped where any of them was.
        """
        found = {port: left for port in self._files if (left := self._read(port)) is not None}
        if not found:
            return None
        return Left(
            {port: left.pulses[port] for port, left in found.items()},
            any(left.emergency_stopped for left in found.values()),
            any(left.disabled for left in found.values()),
        )

    def keep(self, left: Left) -> None:
        """Write it down, if it is anything new. Raises OSError."""
        if left == self._kept:
            return
        stopped = {"emergency_stopped": left.emergency_stopped, "disabled": left.disabled}
        for port, file in self._files.items():
            text = json.dumps({"boot": self._boot, **stopped, "pulses": left.pulses.get(port, {})})
            os.pwrite(file, text.encode().ljust(RECORD), 0)
        self._kept = left

    def close(self) -> None:
        """Close the files; safe to call twice."""
        for file in self._files.values():
            os.close(file)
        self._files = {}

    def _read(self, port: str) -> Left | None:
        try:
            found = parse_json(os.pread(self._files[port], RECORD, 0).decode(), str(self.path(port)))
            if found["boot"] != self._boot:
                return None
            pulses = {int(pin): whole(us, "a pulse, us", 0, LONGEST_US) for pin, us in found["pulses"].items()}
            return Left({port: pulses}, found["emergency_stopped"] is not False, found["disabled"] is not False)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):  # empty, or not ours
            return None


def forget_pulses(ports: Iterable[str]) -> None:
    """For whoever moves servos without a driver: the next one begins at rest, stopped if it was. Raises ConfigError."""
    memory = Memory(ports)
    left = memory.recall()
    if left is not None:
        memory.keep(Left({}, left.emergency_stopped, left.disabled))
    memory.close()


def _state_folder() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "rl_trainer_ros"
