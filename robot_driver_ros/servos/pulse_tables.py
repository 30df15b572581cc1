"""Converts joint angles to pulses and back, for each servo. Pure.

A position has three representations: the joint's angle in rad, as in the URDF; the servo's angle in degrees, as on a servo
horn or in MyRobotLab; and the width of the pulse in microseconds, as on the wire.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robot_interface_ros.config import ConfigError, option, unknown_name

LEAST_PULSE_US, MOST_PULSE_US = 544, 2496
"""Range of pulses in Arduino's Servo library: smaller values are read as degrees, larger ones exceed its limits."""

MOST_STOCK_PIN = 63  # ServoPin_t of Arduino's Servo.h: `uint8_t nbr :6`
MOST_SERVOS = 48  # Servo.h: MAX_SERVOS is 12 for each of a Mega's four timers; firmware/inmoov_servos also has 48
DEFAULT_WATCHDOG_S = (0.5, 3.0)
MOST_WATCHDOG_S = 16.0  # two 7-bit bytes of milliseconds
MOST_TURNS = 2.0  # of a joint in each direction, in a table; a larger angle is in degrees
MOST_READING = 1023  # of an analog input of a Mega, 10 bits
BEYOND_TABLE = 0.1  # allowed reading of a potentiometer beyond the ends of its table, as a share of the table

Point = tuple[float, float]


@dataclass(frozen=True)
class FeedbackConfig:
    """A potentiometer that measures a joint's position; those inside stock servos cannot be read."""

    channel: int = option(0, "analog input on the servo's board: 0 is A0", minimum=0, maximum=15)
    table: tuple[Point, ...] = option((), "(converter value 0..1023, joint rad) pairs, at least two, values rising")

    def __post_init__(self) -> None:
        _check_finite("feedback table", self.table)
        _check_radians("feedback table", [angle for _, angle in self.table])
        values = [value for value, _ in self.table]
        if len(values) < 2 or any(b <= a for a, b in zip(values, values[1:])):
            raise ConfigError(f"feedback table has values {values}; expected at least two, each above the one before")
        if values[0] < 0.0 or values[-1] > MOST_READING:
            raise ConfigError(f"feedback table has values {values}; a board's converter gives 0 to {MOST_READING}")
        _check_one_way("feedback table has joint angles", [angle for _, angle in self.table])

    def is_likely(self, value: float) -> bool:
        """Whether a converter value is plausible; a broken or short-circuited wire gives an implausible one."""
        first, last = self.table[0][0], self.table[-1][0]
        slack = BEYOND_TABLE * (last - first)
        return first - slack <= value <= last + slack

    def angle(self, value: float) -> float:
        """Return the joint's angle, rad, for a converter value; extrapolate beyond the table."""
        return _interpolate(self.table, value)


@dataclass(frozen=True)
class ServoConfig:
    """One servo and its joint. Its values are checked when it is created; the loader adds the joint's name to an error."""

    board: str = option("", "board to which the servo is connected")
    pin: int = option(-1, "digital pin of this board", minimum=2, maximum=69)
    zero: float = option(90.0, "servo angle, degrees, at joint angle 0", minimum=-720.0, maximum=720.0)
    direction: int = option(1, "1: servo and joint turn in the same direction; -1: opposite", minimum=-1, maximum=1)
    gain: float = option(1.0, "servo degrees per joint degree", minimum=0.01, maximum=100.0)
    table: tuple[Point, ...] = option(
        (), "(joint rad, servo degrees) pairs for a nonlinear linkage; replaces zero, direction and gain"
    )
    limits: Point = option((0.0, 180.0), "smallest and largest servo angle, degrees")
    pulse_us: Point = option((544.0, 2400.0), "pulse at 0 and at 180 servo degrees, microseconds")
    rest: float | None = option(None, "joint angle at power-on and after parking, rad; empty: the robot's rest pose")
    max_velocity: float | None = option(None, "rad/s, if lower than the robot's", minimum=0.001, maximum=100.0)
    max_acceleration: float | None = option(None, "rad/s^2, if lower than the robot's", minimum=0.001, maximum=10_000.0)
    idle_timeout_s: float | None = option(
        None, "torque off after standing still for this time, s; 0: always powered; empty: the file's", minimum=0.0
    )
    feedback: FeedbackConfig | None = option(None, "potentiometer of the joint, if there is one")

    def __post_init__(self) -> None:
        if not self.board:
            raise ConfigError("board is missing; name one of the boards")
        if self.pin < 2:
            raise ConfigError("pin is missing; pins 0 and 1 belong to the serial line")
        if self.direction == 0:
            raise ConfigError("direction is 0; allowed: 1 and -1")
        if not self.limits[0] < self.limits[1]:
            raise ConfigError(f"limits are {list(self.limits)}; the first must be below the second")
        if self.pulse_us[0] == self.pulse_us[1]:
            raise ConfigError(f"pulse_us is {list(self.pulse_us)}; 0 and 180 degrees need different pulses")
        _check_table(self.table)


@dataclass(frozen=True)
class BoardConfig:
    """One Arduino."""

    port: str = option("", "serial port, such as /dev/serial/by-id/...; `rl_trainer find_port` lists them")
    firmware: str = option(
        "stock", "stock: StandardFirmata; watchdog: firmware/inmoov_servos", choices=("stock", "watchdog")
    )
    watchdog_s: tuple[float, float] | None = option(
        None,
        "with firmware: watchdog, silence of the host after which servos hold, and after which torque is off, s; 0: never; "
        "empty: [0.5, 3.0]",
    )

    def __post_init__(self) -> None:
        if self.watchdog_s is None:
            return
        if self.firmware == "stock":
            raise ConfigError(
                "watchdog_s has no effect with the stock firmware, which has no watchdog; add firmware: watchdog"
            )
        if not all(0.0 <= seconds <= MOST_WATCHDOG_S for seconds in self.watchdog_s):
            raise ConfigError(f"watchdog_s is {list(self.watchdog_s)}; allowed: 0 to {MOST_WATCHDOG_S:g} s each")


@dataclass(frozen=True)
class HardwareConfig:
    """A `<robot>_hardware.yaml`: the boards and servos of a physical robot."""

    boards: Mapping[str, BoardConfig] = option({}, "board name -> its port")
    servos: Mapping[str, ServoConfig] = option({}, "joint -> its servo")
    may_touch: tuple[tuple[str, ...], ...] = option(
        (), "sets of links (names or patterns such as r_index*) that may touch each other"
    )
    idle_timeout_s: float = option(
        3.0, "torque off after standing still for this time, s; 0: always powered", minimum=0.0
    )


class Servo:
    """The calibration of one joint: conversions between angles and pulses, and limits."""

    def __init__(self, joint: str, config: ServoConfig, lower: float, upper: float):
        """`lower`, `upper`: the joint's limits in the robot, rad; those of the servo may be narrower.

        Raises ConfigError if no angle is within both limits, or if a pulse is outside the board's range.
        """
        self.joint, self.config = joint, config
        low_us, high_us = (self._pulse_of_degrees(degrees) for degrees in config.limits)
        self.min_us, self.max_us = math.ceil(min(low_us, high_us)), math.floor(max(low_us, high_us))
        if not (self.min_us >= LEAST_PULSE_US and self.max_us <= MOST_PULSE_US):
            raise ConfigError(
                f"servo of {joint}: limits {list(config.limits)} degrees are pulses of {self.min_us} to {self.max_us} us; "
                f"allowed: {LEAST_PULSE_US} to {MOST_PULSE_US}"
            )
        ends = sorted(self._joint_angle(degrees) for degrees in config.limits)
        self.lower, self.upper = max(lower, ends[0]), min(upper, ends[1])
        if not self.lower < self.upper:
            raise ConfigError(
                f"servo of {joint}: its limits {list(config.limits)} degrees are joint angles of {ends[0]:.3f} to "
                f"{ends[1]:.3f} rad, the joint's limits {lower:.3f} to {upper:.3f}: they do not overlap; check zero and "
                "direction"
            )

    def pulse(self, angle: float) -> int:
        """Return the pulse, whole microseconds, for a joint angle, rad; clipped to the servo's limits.

        Raises ValueError for NaN.
        """
        if math.isnan(angle):
            raise ValueError(f"angle of {self.joint} is nan")
        angle = min(max(angle, self.lower), self.upper)
        return min(max(round(self._pulse_of_degrees(self._degrees(angle))), self.min_us), self.max_us)

    def angle(self, pulse_us: float) -> float:
        """Return the joint's angle, rad, for a pulse: the inverse of `pulse`."""
        low, high = self.config.pulse_us
        return self._joint_angle((pulse_us - low) / (high - low) * 180.0)

    def _degrees(self, angle: float) -> float:
        config = self.config
        if config.table:
            return _interpolate(config.table, angle)
        return config.zero + config.direction * config.gain * math.degrees(angle)

    def _joint_angle(self, degrees: float) -> float:
        config = self.config
        if config.table:
            flipped = sorted((servo, joint) for joint, servo in config.table)
            return _interpolate(flipped, degrees)
        return math.radians((degrees - config.zero) / (config.direction * config.gain))

    def _pulse_of_degrees(self, degrees: float) -> float:
        low, high = self.config.pulse_us
        return low + (high - low) * degrees / 180.0


def check_wiring(config: HardwareConfig) -> None:
    """Raise ConfigError for an unknown board, a pin that the sketch cannot pulse, or two servos on one pin."""
    taken: dict[tuple[str, str], str] = {}
    for name in config.boards:
        count = sum(servo.board == name for servo in config.servos.values())
        if count > MOST_SERVOS:
            raise ConfigError(
                f"board {name} has {count} servos; a Mega drives at most {MOST_SERVOS}: use another board"
            )
    for joint, servo in config.servos.items():
        if servo.board not in config.boards:
            raise ConfigError(f"servo of {joint}: {unknown_name('board', servo.board, config.boards)}")
        if servo.pin > MOST_STOCK_PIN and config.boards[servo.board].firmware == "stock":
            raise ConfigError(
                f"servo of {joint}: pin {servo.pin} of board {servo.board} would pulse pin {servo.pin - MOST_STOCK_PIN - 1}: "
                f"the servo library of the stock firmware has room for pins up to {MOST_STOCK_PIN}. Use another pin, or flash "
                "firmware/inmoov_servos and set firmware: watchdog"
            )
        pins = [f"pin {servo.pin}"]
        if servo.feedback is not None:
            pins.append(f"pin {54 + servo.feedback.channel}")  # A0 is digital pin 54 of a Mega
        for pin in pins:
            other = taken.setdefault((servo.board, pin), joint)
            if other != joint or pins.count(pin) > 1:
                raise ConfigError(f"{other} and {joint} are both on {pin} of board {servo.board}; use different pins")


def _check_finite(name: str, table: Sequence[Point]) -> None:
    if not all(math.isfinite(number) for point in table for number in point):
        raise ConfigError(f"{name} is {[list(point) for point in table]}; expected finite numbers")


def _check_radians(name: str, angles: Sequence[float]) -> None:
    worst = max(angles, key=abs, default=0.0)
    if abs(worst) > MOST_TURNS * 2.0 * math.pi:
        raise ConfigError(
            f"{name} has a joint angle of {worst:g} rad, {abs(worst) / (2.0 * math.pi):.1f} turns; joint angles are rad "
            f"({worst:g} degrees are {math.radians(worst):.4g})"
        )


def _check_table(table: Sequence[Point]) -> None:
    _check_finite("table", table)
    joints, servos = [joint for joint, _ in table], [servo for _, servo in table]
    _check_radians("table", joints)
    if len(table) == 1:
        raise ConfigError("table has one pair; expected at least two, or none")
    if any(b <= a for a, b in zip(joints, joints[1:])):
        raise ConfigError(f"table has joint angles {joints}; each must be above the one before")
    _check_one_way("table has servo angles", servos)


def _check_one_way(what: str, values: Sequence[float]) -> None:
    steps = [b - a for a, b in zip(values, values[1:])]
    if not (all(step > 0.0 for step in steps) or all(step < 0.0 for step in steps)):
        raise ConfigError(f"{what} {list(values)}; they must only rise or only fall")


def _interpolate(table: Sequence[Point], x: float) -> float:
    """Interpolate linearly between points with rising first numbers; extrapolate beyond the ends."""
    piece = min(max(bisect_right(table, (x, math.inf)) - 1, 0), len(table) - 2)
    (x0, y0), (x1, y1) = table[piece], table[piece + 1]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
