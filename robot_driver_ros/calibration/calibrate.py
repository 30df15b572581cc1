"""Calibrates servos in a dialogue at the terminal, one servo at a time, slowly; writes a hardware file."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard, Pulse
from robot_driver_ros.boards.links import LinkLost
from robot_driver_ros.calibration.hardware_file import hardware_text, write_hardware
from robot_driver_ros.servos.hardware import read_hardware
from robot_driver_ros.servos.pulse_tables import LEAST_PULSE_US, MOST_PULSE_US, HardwareConfig, Servo, ServoConfig
from robot_driver_ros.servos.servo_driver import FIRST_PULSES_S
from robot_interface_ros.config import ConfigError, unknown_name

SPEED_US_PER_S = 100.0  # about 10 servo degrees a second
TICK_S = 0.02
LEAST_GAIN, MOST_GAIN = 0.05, 20.0  # plausible servo degrees per joint degree of a linkage; InMoov has 0.3 to 4.7

HELP = """  1450         move slowly to a pulse of 1450 us     +10  -25    move by so many us
  at -45       the joint is at -45 degrees now (two of these give zero, direction and gain; more give a table)
  min  max     the servo may move up to here in this direction
  show         show the values so far                undo        remove the last at, min or max
  done         keep the values, next servo           skip        leave this servo unchanged, next servo
  help         these lines
  quit         stop here; servos that are done are written"""


class Stop(Exception):
    """The user wants to stop."""


class InputEnded(Stop):
    """The input has ended: a closed terminal, or the end of piped answers."""


class Terminal(Protocol):
    """The terminal of the user."""

    def say(self, text: str) -> None:
        """Print a line."""

    def ask(self, prompt: str) -> str:
        """Return a line of input. Raises InputEnded."""


class Console:
    """The terminal of this process."""

    def say(self, text: str) -> None:
        """See Terminal."""
        print(text, flush=True)

    def ask(self, prompt: str) -> str:
        """See Terminal."""
        try:
            answer = input(prompt)
        except EOFError:
            print(flush=True)
            raise InputEnded from None
        if not sys.stdin.isatty():  # piped answers are not echoed
            print(answer, flush=True)
        return answer


@dataclasses.dataclass
class Findings:
    """The measured values of one servo: pulses, microseconds, and joint angles, rad."""

    least: float | None = None
    most: float | None = None
    points: dict[float, float] = dataclasses.field(default_factory=dict)
    """Joint angle -> pulse."""

    def copy(self) -> Findings:
        """Return a copy."""
        return Findings(self.least, self.most, dict(self.points))


def calibrated(config: ServoConfig, found: Findings) -> ServoConfig:
    """Return the settings of a servo with the measured values. Raises ConfigError for implausible or no values. Pure."""
    if found == Findings():
        raise ConfigError("this servo has no values yet; enter some (at, min, max), or skip it")
    low, high = config.pulse_us

    def degrees(pulse_us: float) -> float:
        return (pulse_us - low) / (high - low) * 180.0

    changes: dict[str, object] = {}
    ends = [
        limit if found_us is None else degrees(found_us)
        for limit, found_us in zip(config.limits, (found.least, found.most))
    ]
    changes["limits"] = (round(min(ends), 2), round(max(ends), 2))
    points = sorted((angle, degrees(pulse_us)) for angle, pulse_us in found.points.items())
    if len(points) == 1 and config.table:
        raise ConfigError(
            "one angle does not change the table of this servo; enter at least two (two replace it by zero, direction and "
            "gain, more by another table), or undo it"
        )
    if len(points) == 1:
        (angle, servo), slope = points[0], config.direction * config.gain
        changes["zero"] = round(servo - slope * math.degrees(angle), 2)
    elif len(points) == 2:
        (first, servo_first), (second, servo_second) = points
        slope = (servo_second - servo_first) / math.degrees(second - first)
        if abs(slope) < 0.01:
            raise ConfigError("two angles of the joint have the same pulse; move the servo between them")
        if not LEAST_GAIN <= abs(slope) <= MOST_GAIN:
            raise ConfigError(
                f"the servo would turn {abs(slope):.3g} degrees for each degree of the joint; are the angles in degrees?"
            )
        changes |= {"direction": 1 if slope > 0 else -1, "gain": round(abs(slope), 4), "table": ()}
        changes["zero"] = round(servo_first - slope * math.degrees(first), 2)
    elif len(points) > 2:
        changes["table"] = tuple((round(angle, 4), round(servo, 2)) for angle, servo in points)
    return dataclasses.replace(config, **changes)  # type: ignore[arg-type]


class Calibration:
    """The calibration dialogue. The board is reset between two servos, so that the first pulse of each is correct."""

    def __init__(
        self,
        config: HardwareConfig,
        boards: Mapping[str, FirmataBoard],
        limits: Mapping[str, tuple[float, float]],
        rest: Mapping[str, float],
        terminal: Terminal,
        sleep: Callable[[float], None] = time.sleep,
        check: Callable[[HardwareConfig], None] = lambda config: None,
        keep: Callable[[HardwareConfig], None] = lambda config: None,
        opened: Callable[[str], None] = lambda board: None,
    ):
        """`limits`, `rest`: of each joint, rad, from the files of the robot.

        `check`: raises ConfigError for settings that a driver would refuse. `keep`: called with the settings after each servo
        whose values are kept. `opened`: called with the name of a board that was opened, before its servos get pulses.
        """
        self._check, self._keep, self._opened = check, keep, opened
        self.config, self._boards, self._limits, self._rest = config, boards, limits, rest
        self._terminal, self._sleep = terminal, sleep
        self.input_ended = False
        """Whether the dialogue ended because the input has ended."""

    def run(self, joints: Sequence[str]) -> HardwareConfig:
        """Calibrate `joints` one after the other; return the settings with all kept values.

        Raises LinkLost; then `config` has the values kept so far.
        """
        say = self._terminal.say
        say("Support the robot's limbs, keep clear of them, and keep a hand on the servos' power switch.")
        say("One servo at a time is powered; the others have their torque off. For each:")
        say(HELP)
        try:
            for joint in joints:
                before = self.config.servos[joint]
                servo = self._one(joint, before)
                self.config = dataclasses.replace(self.config, servos={**self.config.servos, joint: servo})
                if servo != before:
                    self._keep(self.config)
        except Stop as stop:
            self.input_ended = isinstance(stop, InputEnded)
            say("the input has ended" if self.input_ended else "stopped")
        finally:
            for board in self._boards.values():
                with contextlib.suppress(LinkLost):
                    if board.state is BoardState.READY:
                        board.detach(board.attached)
                board.close()
        return self.config

    def _one(self, joint: str, config: ServoConfig) -> ServoConfig:
        servo = Servo(joint, config, *self._limits[joint])
        pulse = float(servo.pulse(self._rest[joint] if config.rest is None else config.rest))
        self._terminal.say(f"\n{joint}: board {config.board}, pin {config.pin}; it starts at {pulse:.0f} us")
        answer = self._words("power it? [enter, skip, quit] ")
        if answer == ["skip"]:
            return config
        board = self._boards[config.board]
        self._connect(board)
        if self.config.boards[config.board].firmware == "watchdog":
            board.set_watchdog(0.0, 0.0)  # users pause
        wide = Pulse(round(pulse), LEAST_PULSE_US, MOST_PULSE_US)
        board.attach({config.pin: wide})
        self._sleep(FIRST_PULSES_S)
        found: list[Findings] = [Findings()]  # the latest last
        result = config
        while True:
            words = self._words(f"{joint} {pulse:.0f} us> ")
            if words == ["skip"]:
                self._terminal.say("left unchanged")
                break
            if words == ["done"]:
                try:
                    candidate = calibrated(config, found[-1])
                    Servo(joint, candidate, *self._limits[joint])
                    self._check(dataclasses.replace(self.config, servos={**self.config.servos, joint: candidate}))
                    result = candidate
                    self._terminal.say(f"  kept: {servo_line(result)}")
                    break
                except ConfigError as error:
                    self._terminal.say(f"not yet: {error}")
                    continue
            pulse = self._execute(words, pulse, board, joint, config, found)
        board.detach([config.pin])
        return result

    def _execute(
        self,
        words: list[str],
        pulse: float,
        board: FirmataBoard,
        joint: str,
        config: ServoConfig,
        found: list[Findings],
    ) -> float:
        """Execute one line of input; return the pulse after it."""
        say = self._terminal.say
        word, value = (words[0], _number(words[-1])) if words else ("help", None)
        if word == "at" and len(words) == 2 and value is not None:
            found.append(found[-1].copy())
            found[-1].points[math.radians(value)] = pulse
            rad = math.radians(value)
            say(f"  noted: {joint} at {value:g} degrees ({rad:.3f} rad) is {pulse:.0f} us{self._remark(joint, value)}")
        elif word in ("min", "max") and len(words) == 1:
            # min and max are of the servo's angle, not of the pulse: a servo may turn in the other direction.
            found.append(found[-1].copy())
            setattr(found[-1], "least" if word == "min" else "most", pulse)
            say(f"  noted: {word} is {pulse:.0f} us")
        elif words == ["undo"]:
            if len(found) > 1:
                found.pop()
            self._show(found[-1])
        elif word == "show":
            self._show(found[-1])
        elif len(words) == 1 and value is not None:
            goal = pulse + value if word[0] in "+-" else value
            if LEAST_PULSE_US <= goal <= MOST_PULSE_US:
                return self._move(board, config.pin, pulse, goal)
            say(f"  {goal:.0f} us is not a pulse of a servo; allowed: {LEAST_PULSE_US} to {MOST_PULSE_US}")
        else:
            say(HELP)
        return pulse

    def _show(self, found: Findings) -> None:
        points = ", ".join(f"{math.degrees(q):g} degrees at {us:.0f} us" for q, us in sorted(found.points.items()))
        self._terminal.say(f"  min {_us(found.least)}, max {_us(found.most)}; {points or 'no angles yet'}")

    def _remark(self, joint: str, degrees: float) -> str:
        """Return a remark if an angle is beyond the joint's limits, else empty text."""
        lower, upper = (math.degrees(limit) for limit in self._limits[joint])
        if lower - 1.0 <= degrees <= upper + 1.0:
            return ""
        return f"; the robot file has {lower:.0f} to {upper:.0f} degrees: use `undo` if this angle was wrong"

    def _move(self, board: FirmataBoard, pin: int, pulse: float, goal: float) -> float:
        while pulse != goal:
            step = SPEED_US_PER_S * TICK_S
            pulse += min(max(goal - pulse, -step), step)
            board.write({pin: round(pulse)})
            board.poll()
            self._sleep(TICK_S)
        return pulse

    def _connect(self, board: FirmataBoard) -> None:
        board.open()
        self._opened(board.name)
        while board.poll() is not BoardState.READY:  # raises an error if the board does not answer
            self._sleep(TICK_S)

    def _words(self, prompt: str) -> list[str]:
        words = self._terminal.ask(prompt).lower().split()
        if words == ["quit"]:
            raise Stop
        return words


def calibrate(
    config: HardwareConfig,
    boards: Mapping[str, FirmataBoard],
    limits: Mapping[str, tuple[float, float]],
    rest: Mapping[str, float],
    joints: Sequence[str],
    output: Path,
    terminal: Terminal | None = None,
    sleep: Callable[[float], None] = time.sleep,
    check: Callable[[HardwareConfig], None] = lambda config: None,
    opened: Callable[[str], None] = lambda board: None,
) -> bool:
    """Calibrate `joints` (empty: all that the robot moves); write `output` after each. Raises ConfigError and LinkLost.

    `check`: raises ConfigError for settings that a driver would refuse. `opened`: called with the name of each board that
    was opened. Without kept values, nothing is written. Return False if the input ended before any value was kept.
    """
    for joint in joints:
        if joint not in limits:
            raise ConfigError(unknown_name("joint", joint, limits))
    terminal = terminal or Console()
    written, earlier, own = config, "", _text(output)

    def keep(calibrated: HardwareConfig) -> None:
        nonlocal written, earlier, own
        try:
            earlier += _write(calibrated, output, own)
            written, own = calibrated, _text(output)
        except OSError as error:
            terminal.say(hardware_text(calibrated))
            raise ConfigError(
                f"output {output} cannot be written ({error.strerror}); its text with all values so far is printed above: "
                "save it by hand"
            ) from None

    calibration = Calibration(config, boards, limits, rest, terminal, sleep, check, keep, opened)
    try:
        calibration.run(joints or tuple(limits))
    finally:  # after a lost board, Ctrl-C or a kill, only the values of the current servo are lost
        kept = [joint for joint, servo in written.servos.items() if servo != config.servos[joint]]
        if kept:
            terminal.say(
                f"{', '.join(kept)} written to {output}{earlier}; use it in the driver with hardware:={output}"
            )
        else:
            terminal.say(f"nothing was calibrated, so {output} is {'unchanged' if output.exists() else 'not written'}")
    return bool(kept) or not calibration.input_ended


def _text(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def _write(config: HardwareConfig, output: Path, own: bytes) -> str:
    """Write the file; first rename an existing one that was edited by hand (comments, another order of entries).

    Also one that no longer has the content `own`: another calibration, of the other board, has written it meanwhile.
    """
    before = _text(output)
    try:
        generated = not before or hardware_text(read_hardware(output)).encode() == before
    except ConfigError:
        generated = False
    if generated and before == own:
        write_hardware(config, output)
        return ""
    backup = output.with_name(f"{output.name}.before")
    number = 1
    while backup.exists():
        backup, number = output.with_name(f"{output.name}.before{number}"), number + 1
    output.rename(backup)
    write_hardware(config, output)
    what = "the earlier file, with its comments," if before == own else "the file that was written meanwhile"
    return f" ({what} is now {backup})"


def servo_line(servo: ServoConfig) -> str:
    """Return a servo's calibration as text."""
    low, high = servo.limits
    if servo.table:
        mapping = "table " + ", ".join(f"{math.degrees(q):.0f} degrees = {degrees:.1f}" for q, degrees in servo.table)
    else:
        mapping = f"zero {servo.zero:g}, direction {servo.direction}, gain {servo.gain:g}"
    return f"{mapping}, limits {low:g} to {high:g} servo degrees"


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _us(pulse: float | None) -> str:
    return "as before" if pulse is None else f"{pulse:.0f} us"
