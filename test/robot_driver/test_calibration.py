"""Joint angles to pulses and back, and refusals of hardware files."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from robot_driver_ros.board_kinds import check_rate, make_boards
from robot_driver_ros.servos.hardware import Hardware, fit, hardware_file, load_hardware, read_hardware
from robot_driver_ros.servos.pulse_tables import (
    BoardConfig,
    FeedbackConfig,
    HardwareConfig,
    Servo,
    ServoConfig,
    check_wiring,
)
from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.robot_config import load_robot, robot_names

GROUPS = ("waist", "head", "eyes", "jaw", "right_arm", "left_arm", "right_hand", "left_hand")


def whole_robot() -> Hardware:
    return fit(read_hardware(hardware_file("inmoov")), load_robot("inmoov", GROUPS), "inmoov")


def servo(lower: float = -3.0, upper: float = 3.0, **settings: Any) -> Servo:
    return Servo("elbow", ServoConfig(board="left", pin=8, **settings), lower, upper)


@pytest.mark.parametrize(
    "settings, angle, pulse_us",
    [
        ({}, 0.0, 1472),  # 90 servo degrees, halfway between 544 and 2400
        ({}, math.pi / 4, 1936),
        ({"direction": -1}, math.pi / 4, 1008),
        ({"gain": 2.0}, math.pi / 8, 1936),
        ({"zero": 30.0, "direction": -1}, 0.0, 853),  # InMoov's shoulder lift: s = 30 - q
        ({"zero": 30.0, "direction": -1}, -math.pi / 2, 1781),
        ({"pulse_us": (2350.0, 677.0)}, -math.pi / 2, 2350),  # a servo that counts backwards
        ({"table": ((-1.0, 20.0), (0.0, 100.0), (1.0, 120.0))}, 0.5, 1678),  # 110 degrees
        ({"table": ((-1.0, 120.0), (0.0, 100.0), (1.0, 20.0))}, 0.5, 1163),  # 60 degrees
    ],
)
def test_known_pulses(settings: dict[str, Any], angle: float, pulse_us: int) -> None:
    the_servo = servo(**settings)
    assert the_servo.pulse(angle) == pulse_us
    assert the_servo.angle(pulse_us) == pytest.approx(angle, abs=0.003)


def test_every_servo_of_the_robot_there_and_back_within_half_a_microsecond() -> None:
    hardware = whole_robot()
    assert len(hardware.servos) == 28
    generator = np.random.default_rng(1)
    for the_servo in hardware.servos:
        step = abs(the_servo.angle(the_servo.min_us + 1) - the_servo.angle(the_servo.min_us))
        for angle in generator.uniform(the_servo.lower, the_servo.upper, 300):
            assert abs(the_servo.angle(the_servo.pulse(angle)) - angle) <= 0.51 * step


def test_no_angle_gives_a_pulse_outside_the_limits() -> None:
    for the_servo in whole_robot().servos:
        low, high = sorted(544 + 1856 * degrees / 180 for degrees in the_servo.config.limits)
        for angle in (-1e9, -10.0, the_servo.lower, 0.0, the_servo.upper, 10.0, math.inf, -math.inf):
            assert low <= the_servo.pulse(angle) <= high
        with pytest.raises(ValueError, match="is nan"):
            the_servo.pulse(math.nan)


def test_the_robots_limits_are_those_that_its_servos_leave() -> None:
    hardware, robot = whole_robot(), load_robot("inmoov", GROUPS)
    lift = robot.joint_names.index("r_shoulder_lift_joint")
    assert robot.limits.upper[lift] == pytest.approx(0.785)
    assert hardware.description.limits.upper[lift] == pytest.approx(math.radians(30.0))  # 0 servo degrees
    assert (hardware.description.limits.lower >= robot.limits.lower).all()
    assert (hardware.description.limits.upper <= robot.limits.upper).all()


def test_a_potentiometers_table() -> None:
    feedback = FeedbackConfig(channel=2, table=((100.0, -1.0), (500.0, 0.0), (900.0, 2.0)))
    assert [feedback.angle(value) for value in (100, 300, 700, 1000)] == [-1.0, -0.5, 1.0, 2.5]


def test_the_hardware_file_lies_beside_the_robots_own() -> None:
    assert hardware_file("inmoov") == share_directory() / "config" / "robots" / "inmoov_hardware.yaml"
    assert hardware_file("/robots/mine.yaml") == Path("/robots/mine_hardware.yaml")
    assert hardware_file("inmoov", "/etc/arm.yaml") == Path("/etc/arm.yaml")
    assert robot_names() == ["inmoov", "kuka_iiwa"]  # a file of hardware is no robot


def hardware_with(tmp_path: Path, **changes: Any) -> Path:
    """The hardware file of this package with changed settings of some servos."""
    values = yaml.safe_load(hardware_file("inmoov").read_text())
    for joint, settings in changes.items():
        values["servos"][joint] = {**values["servos"].get(joint, {}), **settings}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


ELBOW = "r_elbow_flex_joint"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "settings, message",
    [
        ({"pin": 7}, "r_elbow_flex_joint and r_wrist_roll_joint are both on pin 7 of board right"),
        ({"pin": 1}, "servo of r_elbow_flex_joint: pin is 1; allowed: 2 to 69"),
        ({"board": "rigth"}, r"unknown board 'rigth' \(did you mean right\?\)"),
        (
            {"limits": [90, 0]},
            r"servo of r_elbow_flex_joint: limits are \[90.0, 0.0\]; the first must be below the second",
        ),
        ({"limits": [40, 90]}, "rest of r_elbow_flex_joint is -0.400 rad; its servo reaches -1.396 to -0.960"),
        ({"rest": -1.5}, "rest of r_elbow_flex_joint is -1.500 rad"),
        ({"direction": 1}, "the joint's limits -1.396 to -0.262: they do not overlap; check zero and direction"),
        ({"direction": 0}, "direction is 0; allowed: 1 and -1"),
        ({"table": [[-1.0, 90.0], [math.nan, 60.0]]}, "table\\[1\\]\\[0\\] is nan; expected a finite number"),
        ({"feedback": {"table": [[0, -1.0], [1023, math.nan]]}}, "feedback: table\\[1\\]\\[1\\] is nan"),
        ({"pulse_us": [400, 2400]}, r"limits \[0.0, 90.0\] degrees are pulses of 400 to 1400 us; allowed: 544 to 2496"),
        ({"pulse_us": [1500, 1500]}, "0 and 180 degrees need different pulses"),
        ({"table": [[-1.0, 10.0]]}, "servo of r_elbow_flex_joint: table has one pair"),
        ({"table": [[-1.0, 10.0], [-1.0, 20.0]]}, "each must be above the one before"),
        ({"table": [[-1.0, 10.0], [0.0, 20.0], [1.0, 15.0]]}, "they must only rise or only fall"),
        ({"feedback": {"channel": 0, "table": [[5, 1.0], [4, 2.0]]}}, "feedback table has values"),
        ({"feedback": {"channel": 0, "table": [[5, 1.0], [9000, 2.0]]}}, "a board's converter gives 0 to 1023"),
        (
            {"feedback": {"channel": 0, "table": [[5, 1.0], [900, 1.0]]}},
            "feedback table has joint angles .* only rise or",
        ),
        ({"gian": 2.0}, r"servo of r_elbow_flex_joint: unknown setting 'gian' \(did you mean gain\?\)"),
        ({"max_velocity": float("nan")}, "max_velocity is nan; allowed"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    path = hardware_with(tmp_path, **{ELBOW: settings})
    with pytest.raises(ConfigError, match=message) as error:
        load_hardware("inmoov", str(path))
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


@pytest.mark.bad_input
def test_a_joint_that_does_not_exist_or_has_no_servo_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown joint 'r_elbow'"):
        load_hardware("inmoov", str(hardware_with(tmp_path, r_elbow={"board": "right", "pin": 30})))
    values = yaml.safe_load(hardware_file("inmoov").read_text())
    del values["servos"][ELBOW]
    path = tmp_path / "less.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match="joint r_elbow_flex_joint moves but has no servo"):
        load_hardware("inmoov", str(path))


@pytest.mark.bad_input
def test_links_that_may_touch_exist(tmp_path: Path) -> None:
    values = yaml.safe_load(hardware_file("inmoov").read_text())
    path = tmp_path / "touch.yaml"
    for pattern in ("r_hant", "r_thump*"):
        path.write_text(yaml.safe_dump({**values, "may_touch": [["torso", pattern]]}))
        with pytest.raises(
            ConfigError, match=f"touch.yaml: may_touch: unknown link '{re.escape(pattern)}' .did you mean r_"
        ):
            load_hardware("inmoov", str(path))


@pytest.mark.bad_input
def test_every_board_has_a_port_of_its_own(tmp_path: Path) -> None:
    whole = fit(read_hardware(hardware_file("inmoov")), load_robot("inmoov", ("all",)), "inmoov")
    (tmp_path / "by-id").symlink_to("/dev/ttyACM0")
    with pytest.raises(ConfigError, match="boards left and right both have the port .*by-id"):
        make_boards("serial", whole, [f"right={tmp_path / 'by-id'}"])
    with pytest.raises(ConfigError, match="board right has no port; `rl_trainer find_port` lists them"):
        make_boards("serial", whole, ["right="])


@pytest.mark.bad_input
def test_a_watchdog_has_times_that_its_message_can_carry() -> None:
    with pytest.raises(ConfigError, match=r"watchdog_s is \[0.5, 20.0\]; allowed: 0 to 16 s each"):
        BoardConfig(firmware="watchdog", watchdog_s=(0.5, 20.0))
    with pytest.raises(ConfigError, match="watchdog_s has no effect with the stock firmware, which has no watchdog"):
        BoardConfig(watchdog_s=(0.5, 3.0))


@pytest.mark.bad_input
@pytest.mark.parametrize("pin", [64, 69])
def test_pins_that_the_stock_servo_library_cannot_name_need_our_sketch(pin: int) -> None:
    def config(firmware: str) -> HardwareConfig:
        servo = ServoConfig(board="left", pin=pin)
        return HardwareConfig({"left": BoardConfig(firmware=firmware)}, {"elbow": servo})

    with pytest.raises(ConfigError, match=f"servo of elbow: pin {pin} of board left would pulse pin {pin - 64}: "):
        check_wiring(config("stock"))
    check_wiring(config("watchdog"))


@pytest.mark.bad_input
def test_a_board_has_room_for_48_servos() -> None:
    servos = {f"joint_{pin}": ServoConfig(board="left", pin=pin) for pin in range(2, 51)}
    with pytest.raises(ConfigError, match="board left has 49 servos; a Mega drives at most 48"):
        check_wiring(HardwareConfig({"left": BoardConfig()}, servos))


@pytest.mark.bad_input
def test_a_table_in_degrees_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"table has a joint angle of -80 rad, 12.7 turns; .*-80 degrees are -1.396"):
        ServoConfig(board="left", pin=8, table=((-80.0, 100.0), (0.0, 10.0)))
    with pytest.raises(ConfigError, match="feedback table has a joint angle of 90 rad"):
        FeedbackConfig(channel=0, table=((100.0, 0.0), (900.0, 90.0)))


@pytest.mark.bad_input
def test_a_rate_that_the_serial_line_cannot_carry_is_refused() -> None:
    """17 servos on the left board, five of them above pin 15: 12 * 3 + 5 * 6 + 1 = 67 bytes, and two END_SYSEX between them;
    0.9 * 5760 / 69 = 75.1.
    """
    whole = fit(read_hardware(hardware_file("inmoov")), load_robot("inmoov", ("all",)), "inmoov")
    check_rate(whole, 75.0)
    with pytest.raises(
        ConfigError, match=r"control_hz is 76, but the serial line of board left carries its 17 servos 75 times"
    ):
        check_rate(whole, 76.0)
    check_rate(load_hardware(), 200.0)  # five servos
