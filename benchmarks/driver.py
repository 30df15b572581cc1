"""Measure the timing of frames to the servos, with the driver at 50 Hz on emulated Megas: jitter, missed frames, CPU share.

    .venv/bin/python benchmarks/driver.py [minutes:=10] [board:=emulated] [hz:=50]

It prints a Markdown table. All 28 servos of the robot move all the time, on two boards.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from robot_driver_ros.board_kinds import make_boards
from robot_driver_ros.servos.hardware import Hardware, load_hardware
from robot_driver_ros.servos.servo_driver import ServoDriver
from robot_driver_ros.servos.servo_robot import ServoRobot
from robot_interface_ros.errors import RobotError
from robot_interface_ros.realtime.realtime_robot import RealTimeRobot
from robot_interface_ros.realtime.ticker import Ticker
from robot_interface_ros.robot import Command
from robot_interface_ros.safety.safe_robot import SafeRobot


def main(words: list[str]) -> int:
    """Entry point."""
    settings = {"minutes": "10", "board": "emulated", "hz": "50", **dict(word.split(":=", 1) for word in words)}
    period_ns = round(1e9 / float(settings["hz"]))
    hardware = load_hardware("inmoov", groups=("all",))
    began, boards = time.monotonic(), make_boards(settings["board"], hardware)
    driver = ServoDriver(hardware, boards.boards, period_ns * 1e-9)
    try:
        connect(driver)
        figures = measure(hardware, driver, period_ns, 60.0 * float(settings["minutes"]))
    finally:
        driver.close()
        boards.close()
    lived = time.monotonic() - began
    figures["emulation_percent"] = (
        100.0 * cpu_s(resource.RUSAGE_CHILDREN) / lived
    )  # known after the children have ended
    print(table(figures, settings))
    return 0


def connect(driver: ServoDriver) -> None:
    """Wait until all boards have answered."""
    deadline = time.monotonic() + 15.0
    while not driver.poll():
        if time.monotonic() > deadline:
            raise RobotError(driver.problem)
        time.sleep(0.02)


def measure(hardware: Hardware, driver: ServoDriver, period_ns: int, seconds: float) -> dict[str, float]:
    """Move all joints for `seconds`; return the measurements."""
    robot = RealTimeRobot(SafeRobot(ServoRobot(hardware, driver, period_ns), hardware.description))
    limits, generator = hardware.description.limits, np.random.default_rng(0)
    ticker, began, cpu = Ticker(period_ns), time.monotonic(), cpu_s()
    times, took = [], []
    target = hardware.description.rest
    while time.monotonic() - began < seconds:
        if len(times) % 100 == 0:
            target = generator.uniform(limits.lower, limits.upper)
        robot.command(Command(0, robot.joint_names, target))
        time.sleep(max(0.0, ticker.left_s))
        ticker.tick()
        start = time.monotonic_ns()
        robot.tick()
        times.append(start)
        took.append(time.monotonic_ns() - start)
    jitter = np.abs(np.diff(times) - period_ns) * 1e-6
    return {
        "frames": len(times),
        "jitter_median_ms": float(np.median(jitter)),
        "jitter_p99_ms": float(np.percentile(jitter, 99)),
        "jitter_worst_ms": float(jitter.max()),
        "missed": ticker.missed,
        "frame_median_ms": float(np.median(took)) * 1e-6,
        "cpu_percent": 100.0 * (cpu_s() - cpu) / (time.monotonic() - began),
    }


def table(figures: dict[str, float], settings: dict[str, str]) -> str:
    """Return the measurements as a Markdown table."""
    return "\n".join(
        (
            f"| {settings['hz']} Hz, {settings['minutes']} min, {settings['board']} boards | |",
            "|---|---|",
            f"| frames | {figures['frames']:.0f} |",
            f"| period jitter, median / p99 / worst | {figures['jitter_median_ms']:.3f} / {figures['jitter_p99_ms']:.3f} / "
            f"{figures['jitter_worst_ms']:.3f} ms |",
            f"| frames left out | {figures['missed']:.0f} |",
            f"| time for a frame, median | {figures['frame_median_ms']:.3f} ms |",
            f"| CPU share of the driver, of one core | {figures['cpu_percent']:.1f} % |",
            f"| CPU share of the emulation of all boards, of one core | {figures['emulation_percent']:.1f} % |",
        )
    )


def cpu_s(whose: int = resource.RUSAGE_SELF) -> float:
    """Return the CPU time of this process, or of its ended children, s."""
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
