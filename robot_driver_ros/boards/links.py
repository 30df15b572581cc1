"""Connections to boards: the protocol `Link`, and serial ports."""

from __future__ import annotations

from typing import Any, Protocol

from robot_driver_ros.boards.firmata import BAUD
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.errors import RobotError


class LinkLost(RobotError):
    """The board cannot be reached: unplugged, switched off, or its port is used by another program."""


class BoardRefused(LinkLost):
    """The board cannot be used, and a retry would not help: no such port, another sketch, a wrong pin."""


class Link(Protocol):
    """An open connection to one board."""

    def read(self) -> bytes:
        """Return the bytes received since the last call, possibly none; do not wait. Raises LinkLost."""

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises LinkLost."""

    def close(self) -> None:
        """Close the connection; may be called twice."""


class SerialLink:
    """A serial port. Opening it resets a Mega, which starts its boot loader."""

    WRITE_TIMEOUT_S = 0.1  # the kernel takes 4 KiB at once, so a longer write means that the board does not read

    def __init__(self, port: str):
        """Open `port`. Raises BoardRefused with the likely cause."""
        try:
            import serial
        except ImportError:
            raise BoardRefused("serial boards need pyserial: pip install pyserial") from None
        self._errors: tuple[type[Exception], ...] = (serial.SerialException, OSError, TypeError)  # TypeError: closed
        self._port = port
        try:
            self._serial: Any = serial.Serial(port, BAUD, timeout=0, write_timeout=self.WRITE_TIMEOUT_S, exclusive=True)
        except self._errors as error:
            raise BoardRefused(f"cannot open {port or 'a port without name'}: {_likely(error)}") from None

    def read(self) -> bytes:
        """See Link."""
        try:
            return bytes(self._serial.read(4096))
        except self._errors as error:
            raise LinkLost(f"{self._port} is lost: {error}") from None

    def write(self, data: bytes) -> None:
        """See Link."""
        try:
            self._serial.write(data)
        except self._errors as error:
            raise LinkLost(f"{self._port} is lost: {error}") from None

    def close(self) -> None:
        """See Link."""
        try:
            self._serial.close()
        except self._errors:  # an unplugged port cannot be closed
            return


def _likely(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == 2:
        return f"there is no such port; is the board plugged in? {command_line('find_port')} lists the ports"
    if number == 13:
        return "no permission; sudo usermod -aG dialout $USER, then log in again"
    if number in (11, 16):
        return "another program has it open"
    return " ".join(str(error).split())
