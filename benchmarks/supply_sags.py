"""Measure the jumps of servos when the supply of an emulated board sags in the middle of a motion.

    .venv/bin/python benchmarks/supply_sags.py [times:=40] [firmware:=stock]

The whole robot, on two emulated boards, moves back and forth at 50 Hz. At a random time one board restarts while its port
stays open. The first pulse of each servo afterwards is compared with the last one before, which is its position. The script
prints a Markdown row: median and maximum over all moving servos, and the time until the driver detected the restart.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_trainer_ros.bringup.setting_texts import from_words
from robot_driver_ros.boards import firmata_board
from robot_driver_ros.boards.firmata_board import FirmataBoard
from robot_driver_ros.emulator import build
from robot_driver_ros.emulator.emulated_mega import EmulatedMega
from robot_driver_ros.servos.hardware import fit, hardware_file, read_hardware
from robot_driver_ros.servos.servo_driver import ServoDriver
from robot_driver_ros.servos.servo_robot import ServoRobot
from robot_interface_ros.config import option
from robot_interface_ros.errors import RobotError
from robot_interface_ros.realtime.realtime_robot import RealTimeRobot
from robot_interface_ros.robot import Command
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot

PERIOD_S, WAIT_S = 0.02, 120.0


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    times: int = option(40, "sags", minimum=1, maximum=10_000)
    firmware: str = option("stock", "sketch on the boards", choices=("stock", "watchdog"))
    groups: tuple[str, ...] = option(
        ("all",), "groups of joints that move; those of the right side need only one board"
    )
    seed: int = option(0, "seed of the random times", minimum=0)


class Pins:
    """An emulated board, with the last pulse of each pin, and the first one since `mark`."""

    def __init__(self, firmware: str):
        self.last: dict[int, float] = {}
        self.count = 0
        self.first: dict[int, float] = {}
        own = build.own_firmware() if firmware == "watchdog" else None
        self.mega = EmulatedMega(firmware=own, on_pulse=self._on_pulse)

    def mark(self) -> dict[int, float]:
        """Clear the first pulses; return the last ones."""
        self.first = {}
        return dict(self.last)

    def _on_pulse(self, pin: int, width: float, start: int) -> None:
        self.last[pin] = width
        self.count += 1
        self.first.setdefault(pin, width)


class Bench:
    """The whole robot on two emulated boards, in real time."""

    def __init__(self, firmware: str, groups: tuple[str, ...]):
        config = read_hardware(hardware_file("inmoov"))
        boards = {name: dataclasses.replace(board, firmware=firmware) for name, board in config.boards.items()}
        # Always powered: the stock sketch shortens a pulse if torque is switched off in the middle of it.
        config = dataclasses.replace(config, boards=boards, idle_timeout_s=0.0)
        self.hardware = fit(config, load_robot("inmoov", groups), "inmoov")
        self.pins = {name: Pins(firmware) for name in sorted({s.config.board for s in self.hardware.servos})}
        links = {name: FirmataBoard(name, pins.mega.connect, time.monotonic) for name, pins in self.pins.items()}
        self.driver = ServoDriver(self.hardware, links, PERIOD_S)
        plant = ServoRobot(self.hardware, self.driver, round(PERIOD_S * 1e9))
        self.robot = RealTimeRobot(SafeRobot(plant, self.hardware.description))
        self.servos_on = {name: sum(s.config.board == name for s in self.hardware.servos) for name in self.pins}
        self.problem, self.noticed_at = "", 0.0
        self._due = time.monotonic()

    def run(self, goal: Any, done: Callable[[], bool], in_step: bool = False) -> None:
        """Command `goal` once per period until `done`; `in_step`: by the boards' clock, which is slower on a busy machine."""
        end = time.monotonic() + WAIT_S
        while not done():
            if time.monotonic() > end:
                raise SystemExit(f"this takes longer than {WAIT_S:g} s: {self.driver.problem}")
            for pins in self.pins.values():
                if not pins.mega.is_running:
                    raise SystemExit("an emulated board has ended: its sketch ran off its program")
            counts = {name: pins.count for name, pins in self.pins.items()}
            self.robot.command(Command(0, self.robot.joint_names, goal))
            try:
                self.robot.tick()
            except RobotError as error:
                if not self.problem:
                    self.problem, self.noticed_at = str(error), time.monotonic()
            while in_step and any(p.count < counts[name] + self.servos_on[name] for name, p in self.pins.items()):
                time.sleep(0.001)
                if time.monotonic() > end:
                    raise SystemExit("the boards are silent")
            self._due = max(self._due + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, self._due - time.monotonic()))

    def sag(self, name: str, goal: Any) -> tuple[list[tuple[float, float]], float]:
        """Restart a board; return each moving servo's jump, us and ms at top speed, and the time until detection, s."""
        pins, servos = self.pins[name], [s for s in self.hardware.servos if s.config.board == name]
        before = dict(pins.last)
        end = time.monotonic() + 0.1
        self.run(goal, lambda: time.monotonic() > end, in_step=True)
        moving = {pin for pin, us in pins.last.items() if abs(us - before.get(pin, us)) > 3.0}
        self.problem = ""
        pins.mega.sag()
        sagged_at = time.monotonic()
        time.sleep(0.03)  # wait for pulses that are still on their way
        last = pins.mark()
        measured = [s.config.pin for s in servos if s.config.pin != 13]  # the stock sketch blinks on pin 13
        self.run(
            goal, lambda: not self.driver.problem and bool(self.problem) and all(p in pins.first for p in measured)
        )
        speeds = dict(zip(self.robot.joint_names, self.hardware.description.limits.velocity))
        jumps = []
        for servo in servos:
            pin = servo.config.pin
            if pin in measured and pin in moving:
                us_per_ms = 1e-3 * speeds[servo.joint] / abs(servo.angle(1001) - servo.angle(1000))
                jump = abs(pins.first[pin] - last[pin])
                jumps.append((jump, jump / us_per_ms))
        return jumps, self.noticed_at - sagged_at


def main(words: list[str]) -> int:
    """Entry point."""
    options: Any = from_words(Options, words, "benchmark")
    firmata_board.GREETING_TIMEOUT_S = WAIT_S  # on a busy machine an emulated board starts slowly
    bench, generator = Bench(options.firmware, options.groups), np.random.default_rng(options.seed)
    limits, jumps, noticed = bench.hardware.description.limits, [], []
    bench.run(bench.hardware.parked, lambda: bool(bench.driver.powered))
    for k in range(options.times):
        goal = limits.upper if k % 2 else limits.lower
        end = time.monotonic() + generator.uniform(0.3, 1.0)
        bench.run(goal, lambda end=end: time.monotonic() > end, in_step=True)  # type: ignore[misc]
        jumped, after_s = bench.sag(list(bench.pins)[k // 2 % len(bench.pins)], goal)
        jumps += jumped
        noticed.append(after_s)
        most_us, most_ms = np.max(jumped, axis=0, initial=0.0) if jumped else (0.0, 0.0)
        print(f"sag {k + 1}: {len(jumped)} servos moving, most {most_us:.0f} us, {most_ms:.0f} ms", file=sys.stderr)
    for pins in bench.pins.values():
        pins.mega.close()
    us, ms = np.array(jumps).T
    print(
        "| sketch | sags | servos in motion | jump, us: median | 99 % | most | jump, ms at top speed: median | 99 % | most "
        f"| noticed after, s: median | most |\n{'|---' * 11}|"
    )
    figures = [*np.percentile(us, (50, 99, 100)), *np.percentile(ms, (50, 99, 100))]
    print(
        f"| {options.firmware} | {options.times} | {len(jumps)} | {' | '.join(f'{x:.1f}' for x in figures)} "
        f"| {np.median(noticed):.2f} | {max(noticed):.2f} |"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
