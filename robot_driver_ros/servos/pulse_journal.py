"""The pulse journal: the last pulses and stops of a driver, for the next driver, also after `kill -9`."""

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
LONGEST_US = 20_000  # the whole period of a servo's pulses

Pulses = Mapping[str, Mapping[int, int]]
"""Port -> pin -> microseconds."""


@dataclass(frozen=True)
class Left:
    """The state that a driver has left."""

    pulses: Pulses = field(default_factory=dict)
    """The last pulse of each pin."""
    emergency_stopped: bool = False
    """Whether an emergency stop was active."""
    disabled: bool = False
    """Whether an operator had switched the torque off."""

    def line(self, servos: int) -> str:
        """Return a line for the log; `servos`: number of servos with an earlier pulse. Empty if there is nothing to say."""
        stopped = self.emergency_stopped or self.disabled
        remedy = "call enable with true to let it move"
        if servos:
            start = f"resuming the last pulses of an earlier driver ({servos} servos)"
            return start + (f", stopped as before: {remedy}" if stopped else "")
        return f"stopped, as under an earlier driver: {remedy}" if stopped else ""


class Memory:
    """The journal: one file for each port, written in one piece and in place, so the last record survives `kill -9`.

    After a reboot of this machine the records are ignored, because the joints may have moved since.
    """

    def __init__(self, ports: Iterable[str], folder: Path | None = None):
        """`folder`: folder of the files; None: the user's folder for state (XDG_STATE_HOME). Raises ConfigError."""
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
                    f"cannot write the servos' pulses to {path} ({error.strerror}); set XDG_STATE_HOME to another folder, "
                    "or remember:=false to write none"
                ) from None

    def path(self, port: str) -> Path:
        """Return the file of the board on a port."""
        return self.folder / f"driver_{''.join(c if c.isalnum() else '_' for c in port).strip('_')}.json"

    def recall(self) -> Left | None:
        """Return the state that earlier drivers have left since this machine was booted; None if there is none.

        If different drivers have used the boards, the state is stopped if any of them was stopped.
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
        """Write the state if it has changed. Raises OSError."""
        if left == self._kept:
            return
        stopped = {"emergency_stopped": left.emergency_stopped, "disabled": left.disabled}
        for port, file in self._files.items():
            text = json.dumps({"boot": self._boot, **stopped, "pulses": left.pulses.get(port, {})})
            os.pwrite(file, text.encode().ljust(RECORD), 0)
        self._kept = left

    def close(self) -> None:
        """Close the files; may be called twice."""
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
        except (OSError, ValueError, TypeError, KeyError, AttributeError):  # empty, or not a record
            return None


def forget_pulses(ports: Iterable[str]) -> None:
    """Remove the pulses from the journal, after servos were moved without a driver; keep stops. Raises ConfigError."""
    memory = Memory(ports)
    left = memory.recall()
    if left is not None:
        memory.keep(Left({}, left.emergency_stopped, left.disabled))
    memory.close()


def _state_folder() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "rl_trainer_ros"
