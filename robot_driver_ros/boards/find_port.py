"""Lists the serial ports of this machine, Arduinos first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ARDUINO_VENDORS = (0x2341, 0x2A03, 0x1A86)  # Arduino, Arduino.org, and the CH340 of most clones
BY_ID = Path("/dev/serial/by-id")


def port_lines() -> list[str]:
    """Return one line for each serial port."""
    from serial.tools import list_ports

    ports = sorted(list_ports.comports(), key=lambda port: (port.vid not in ARDUINO_VENDORS, port.device))
    return [describe(port, stable_name(port.device)) for port in ports]


def describe(port: Any, stable: str) -> str:
    """Return text with a port's device, kind, and the name that does not depend on the order of plugging in."""
    kind = "Arduino" if port.vid in ARDUINO_VENDORS else "not an Arduino"
    return f"{port.device}  {kind}: {port.description}" + (f"\n    permanent name: {stable}" if stable else "")


def stable_name(device: str) -> str:
    """Return the link in /dev/serial/by-id to a device; empty if there is none."""
    links = sorted(BY_ID.iterdir()) if BY_ID.is_dir() else []
    return next((str(link) for link in links if link.resolve() == Path(device).resolve()), "")


def find_port() -> int:
    """Print the serial ports; return an exit code."""
    lines = port_lines()
    for line in lines:
        print(line)
    if not lines:
        print("no serial port: plug the board in (with a cable that carries data), then run this again")
        return 1
    print("to find out which board is which, unplug one and run this again")
    return 0
