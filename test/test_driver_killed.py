"""The driver is killed with -9 while it holds servos on an emulated board: what the board does without it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
from robot_driver_ros.emulator import build
from robot_driver_ros.hardware import load_hardware

pytestmark = [
    pytest.mark.firmware,
    pytest.mark.ros,
    pytest.mark.skipif(not build.is_ready() and not os.environ.get("CI"), reason="no emulated board; make emulator"),
]
DRIVER = "robot_driver_ros.ros.robot_driver_node"
SECOND_US = 1_000_000


@pytest.mark.parametrize("firmware", ["stock", "watchdog"])
def test_a_killed_driver(firmware: str, start: Callable, scope: Callable, tmp_path: Path) -> None:
    """The stock sketch pulses on for ever, ours for 3 s; both what was sent last. Times are the board's."""
    own = build.own_firmware() if firmware == "watchdog" else None
    board = scope(firmware=own)
    servos = {servo.config.pin: servo for servo in load_hardware().servos}
    text = (Path(__file__).parents[1] / "config" / "hardware" / "inmoov.yaml").read_text()
    text = text.replace("right: {port: /dev/ttyACM1}", f"right: {{port: {board.mega.port}, firmware: {firmware}}}")
    file = tmp_path / "hardware.yaml"
    file.write_text(text.replace("idle_timeout_s: 3.0", "idle_timeout_s: 0.0"))
    driver: Any = start(DRIVER, realtime=True, board="serial", hardware=file, control_hz=50.0)
    driver.wait_for("serving /env_0 in real time at 50 Hz, board:=serial")

    def passed_us() -> int:
        return max((starts[-1] for pin, starts in board.starts.items() if pin in servos), default=0)

    board.until(lambda seen: set(servos) <= set(seen))
    driver.signal(signal.SIGKILL)
    driver.process.wait()
    board.forget()
    first = board.until(lambda seen: set(servos) <= set(seen))
    killed_us = passed_us()
    if firmware == "stock":
        board.until(lambda _: passed_us() > killed_us + 5 * SECOND_US)
        assert set(board.next(sorted(servos))) == set(servos)
    else:
        silent = board.until_silent()
        assert 2.5 * SECOND_US < passed_us() - killed_us < 3.2 * SECOND_US
        for pin, widths in silent.items():
            assert widths == pytest.approx([first[pin][0]] * len(widths), abs=2.0)
    for pin, servo in servos.items():
        rest = servo.pulse(load_hardware().parked[[s.config.pin for s in load_hardware().servos].index(pin)])
        assert first[pin][-1] == pytest.approx(rest, abs=60.0 if firmware == "stock" else 2.0)
