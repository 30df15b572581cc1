"""Measure the pulses of an emulated board when trainer, cable or driver fail in the middle of a motion.

    .venv/bin/python benchmarks/driver_kills.py [times:=5] [firmware:=stock] [picture:=kills.png]

A trainer learns on the right arm at 50 Hz. It is killed with -9, and a new one is started. The board is unplugged and plugged
in again one second later. The driver is killed with -9, and a new one is started two seconds later. The script prints a
Markdown table and, with `picture`, plots the first round.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from processes import process

from rl_trainer_ros.bringup.setting_texts import from_words
from robot_driver_ros.calibration.hardware_file import write_hardware
from robot_driver_ros.emulator import build
from robot_driver_ros.emulator.emulated_mega import EmulatedMega
from robot_driver_ros.servos.hardware import hardware_file, load_hardware, read_hardware
from robot_interface_ros.config import option

CONTROL_HZ, WAIT_S = 50.0, 60.0
HARDWARE = load_hardware()
SERVOS = {servo.config.pin: servo for servo in HARDWARE.servos}
SHOWN = ("r_elbow_flex_joint", "r_upper_arm_roll_joint", "r_wrist_roll_joint")
MOVED_US, AT_ONCE = 2.0, 5
"""A servo counts as moved if the median of this many pulses differs, because the stock sketch ends single pulses late."""


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    times: int = option(5, "rounds", minimum=1, maximum=1000)
    firmware: str = option("stock", "sketch on the board", choices=("stock", "watchdog"))
    picture: str = option("", "file for a plot of the first round; empty: none")


@dataclass
class Round:
    """Results of one round: measurements by name, and the times of its events, s, for the plot."""

    figures: dict[str, float] = field(default_factory=dict)
    moments: dict[str, float] = field(default_factory=dict)


class Pins:
    """An emulated board, and all pulses of its servos: end time, pin, length in microseconds."""

    def __init__(self, firmware: str):
        self.pulses: list[tuple[float, int, float]] = []
        own = build.own_firmware() if firmware == "watchdog" else None
        self.mega = EmulatedMega(firmware=own, on_pulse=self._on_pulse)

    def since(self, moment: float) -> dict[int, list[tuple[float, float]]]:
        """Return pin -> (time, microseconds) for pulses after `moment`."""
        found: dict[int, list[tuple[float, float]]] = {pin: [] for pin in SERVOS}
        for when, pin, us in list(self.pulses):
            if when >= moment:
                found[pin].append((when, us))
        return found

    def last(self) -> dict[int, float]:
        """Return pin -> length of its latest pulse, microseconds."""
        return {pin: us for _, pin, us in self.pulses}

    def in_motion(self) -> bool:
        """Return whether the elbow moves, and is away from rest, so that no reset is running."""
        elbow = next(servo for servo in HARDWARE.servos if servo.joint == SHOWN[0])
        rest = elbow.pulse(HARDWARE.parked[HARDWARE.servos.index(elbow)])
        away = [abs(us - rest) for _, us in self.since(time.monotonic() - 0.2)[elbow.config.pin]]
        return len(away) > 7 and away[-1] > away[0] + 25.0

    def first_since(self, moment: float) -> tuple[float, dict[int, float]]:
        """Return the time at which all servos have had a pulse after `moment`, and the first pulse of each."""
        until(lambda: all(self.since(moment).values()), "a pulse on every pin")
        firsts = {pin: pulses[0] for pin, pulses in self.since(moment).items()}
        return max(when for when, _ in firsts.values()), {pin: us for pin, (_, us) in firsts.items()}

    def _on_pulse(self, pin: int, width: float, start: int) -> None:
        if pin in SERVOS:
            self.pulses.append((time.monotonic(), pin, width))


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for a condition that another thread fulfils."""
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"no {what} within {WAIT_S:g} s")
        time.sleep(0.005)


@contextmanager
def driver(file: Path) -> Iterator[Any]:
    """Start the driver node for the board, and wait until it serves."""
    told = {"realtime": "true", "board": "serial", "hardware": file, "control_hz": CONTROL_HZ}
    with process("robot_driver_ros.ros.robot_driver_node", told, until="serving") as started:
        yield started


@contextmanager
def trainer(folder: Path) -> Iterator[Any]:
    """Start a trainer for /env_0, and wait until it has made steps."""
    told = {"realtime": "true", "control_hz": CONTROL_HZ, "log_dir": folder, "log_interval_s": 0.5}
    with process("rl_trainer_ros.ros.trainer_node", told, until=" steps ") as started:
        yield started


def play(options: Options, folder: Path) -> tuple[Round, Pins]:
    """Run one round."""
    pins, done = Pins(options.firmware), Round()
    file, figures, moments = hardware_on(pins.mega.port, options.firmware, folder), done.figures, done.moments
    with driver(file) as first:
        with trainer(folder) as killed:
            until(pins.in_motion, "motion")
            moments["trainer killed"] = cut(killed)
            time.sleep(1.5)
            figures["trainer killed: pulses change for, ms"] = 1e3 * moving_for(
                pins.since(moments["trainer killed"]), moments["trainer killed"]
            )
        with trainer(folder):
            moments["training again"] = time.monotonic()
            until(pins.in_motion, "motion")
            pins.mega.unplug()
            moments["unplugged"], last = time.monotonic(), pins.last()
            time.sleep(1.0)
            pins.mega.plug()
            moments["plugged in"] = time.monotonic()
            back, firsts = pins.first_since(moments["plugged in"])
            figures["plugged in again: pulses come after, s"] = back - moments["plugged in"]
            figures["plugged in again: first pulse differs by, us"] = difference(firsts, last)
            time.sleep(2.0)
            until(pins.in_motion, "motion")
            moments["driver killed"] = cut(first)
            time.sleep(2.0)
            last = pins.last()
            moments["new driver"] = time.monotonic()
            with driver(file):
                back, firsts = pins.first_since(
                    moments["new driver"] + 1.0
                )  # earlier pulses may still be those of the old driver
                figures["driver killed, a new one started: its pulses come after, s"] = back - moments["new driver"]
                figures["driver killed, a new one started: first pulse differs by, us"] = difference(firsts, last)
                time.sleep(3.0)
                moments["end"] = time.monotonic()
    pins.mega.close()
    return done, pins


def hardware_on(port: str, firmware: str, folder: Path) -> Path:
    """Return the shipped hardware file with the right board at `port` and servos that are always powered."""
    config = read_hardware(hardware_file("inmoov"))
    right = dataclasses.replace(config.boards["right"], port=port, firmware=firmware)
    path = folder / "hardware.yaml"
    write_hardware(dataclasses.replace(config, boards={**config.boards, "right": right}, idle_timeout_s=0.0), path)
    return path


def cut(victim: Any) -> float:
    """Kill with -9; return the time."""
    victim.send_signal(signal.SIGKILL)
    when = time.monotonic()
    victim.wait()
    return when


def moving_for(pulses: dict[int, list[tuple[float, float]]], begin: float) -> float:
    """Return the time after `begin` for which any pulse differed from its final value, s."""
    last = begin
    for seen in pulses.values():
        when, widths = np.array([moment for moment, _ in seen]), np.array([us for _, us in seen])
        smooth = np.median(np.lib.stride_tricks.sliding_window_view(widths, AT_ONCE), axis=1)
        moving = np.flatnonzero(np.abs(smooth - smooth[-1]) > MOVED_US)
        last = max(last, when[moving[-1] + AT_ONCE // 2]) if len(moving) else last
    return float(last - begin)


def difference(firsts: dict[int, float], last: dict[int, float]) -> float:
    """Return the largest difference over all pins, microseconds."""
    return max(abs(us - last[pin]) for pin, us in firsts.items())


def draw(pins: Pins, moments: dict[str, float], path: str) -> None:
    """Plot the joint angles, computed from the pulses on the pins, over time."""
    from matplotlib.figure import Figure

    begin, end = moments["trainer killed"] - 2.5, moments["end"]
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    panel = figure.subplots()
    for servo in SERVOS.values():
        if servo.joint not in SHOWN:
            continue
        seen = pins.since(begin)[servo.config.pin]
        when, angles = np.array([w for w, _ in seen]) - begin, np.degrees([servo.angle(us) for _, us in seen])
        gaps = np.flatnonzero(np.diff(when) > 0.1)  # no line where there are no pulses
        panel.plot(
            np.insert(when, gaps + 1, np.nan), np.insert(angles, gaps + 1, np.nan), label=servo.joint, linewidth=1.4
        )
    for name, moment in moments.items():
        if name != "end":
            panel.axvline(moment - begin, color="#888888", linewidth=0.8, linestyle="--")
            panel.text(
                moment - begin + 0.08, 1.01, name, transform=panel.get_xaxis_transform(), fontsize=8, rotation=28
            )
    panel.set_xlim(0.0, end - begin)
    panel.set_xlabel("s", fontsize=9)
    panel.set_ylabel("joint angle by the pulse on its pin, degrees", fontsize=9)
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(fontsize=8, frameon=False, loc="center left")
    figure.savefig(path, dpi=110)


def main(words: list[str]) -> int:
    """Entry point."""
    options: Any = from_words(Options, words, "benchmark")
    os.environ.update({"ROS_DOMAIN_ID": str(101 + os.getpid() % 100), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"})
    rounds = []
    for k in range(options.times):
        print(f"round {k + 1} of {options.times}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_STATE_HOME"] = folder
            done, pins = play(options, Path(folder))
        rounds.append(done.figures)
        if k == 0 and options.picture:
            draw(pins, done.moments, options.picture)
    print(f"| {options.firmware} sketch, {options.times} rounds | median | most |\n|---|---|---|")
    for name in rounds[0]:
        values = [figures[name] for figures in rounds]
        print(f"| {name} | {np.median(values):.3g} | {max(values):.3g} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
