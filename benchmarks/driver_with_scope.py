"""The driver node on emulated boards, which writes time, pin and width (us) of every pulse into the file $PULSES."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from robot_driver_ros.emulator import emulated_mega
from robot_driver_ros.ros.robot_driver_node import main


def watch(path: str) -> None:
    """Let every emulated board tell its pulses."""
    number = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    plain = emulated_mega.EmulatedMega

    class WithScope(plain):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **settings: Any):
            super().__init__(*arguments, **{**settings, "on_pulse": on_pulse})

    def on_pulse(pin: int, width: float, start: int) -> None:
        os.write(number, f"{time.time():.6f} {pin} {width:.1f}\n".encode())

    emulated_mega.EmulatedMega = WithScope  # type: ignore[misc]


if __name__ == "__main__":
    watch(os.environ["PULSES"])
    sys.exit(main())
