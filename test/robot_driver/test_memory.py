"""The pulse journal: the state of a killed driver, and the next driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from robot_driver_ros.driven_robot import DrivenRobot
from robot_driver_ros.driver_config import DriverNodeConfig
from robot_driver_ros.servos import pulse_journal
from robot_driver_ros.servos.hardware import load_hardware
from robot_driver_ros.servos.pulse_journal import Left, Memory, forget_pulses
from robot_interface_ros.config import ConfigError

PORTS = ("/dev/ttyACM0", "/dev/serial/by-id/usb-Arduino_Mega-if00")
LEFT = Left({PORTS[0]: {8: 1203}, PORTS[1]: {26: 640}}, emergency_stopped=True)


def test_what_was_kept_is_recalled_by_whoever_drives_one_of_the_boards(tmp_path: Path) -> None:
    first = Memory(PORTS, tmp_path)
    assert first.recall() is None
    first.keep(Left({PORTS[0]: {8: 1000}}))
    first.keep(LEFT)
    assert Memory(reversed(PORTS), tmp_path).recall() == LEFT
    one = Memory(PORTS[:1], tmp_path)
    assert one.recall() == Left({PORTS[0]: {8: 1203}}, emergency_stopped=True)
    one.keep(Left({PORTS[0]: {8: 1500}}))
    assert Memory(PORTS, tmp_path).recall() == Left({PORTS[0]: {8: 1500}, PORTS[1]: {26: 640}}, emergency_stopped=True)
    first.close()
    first.close()


def test_it_outlives_a_kill(tmp_path: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path; from robot_driver_ros.servos.pulse_journal import Left, Memory;"
        f"memory = Memory(['/dev/a'], Path({str(tmp_path)!r})); memory.keep(Left({{'/dev/a': {{7: 1}}}}, disabled=True));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    assert Memory(["/dev/a"], tmp_path).recall() == Left({"/dev/a": {7: 1}}, disabled=True)


def test_it_does_not_outlive_a_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Memory(PORTS, tmp_path).keep(LEFT)
    (tmp_path / "boot_id").write_text("another boot\n")
    monkeypatch.setattr(pulse_journal, "BOOT_ID", tmp_path / "boot_id")
    assert Memory(PORTS, tmp_path).recall() is None


@pytest.mark.bad_input
@pytest.mark.parametrize("text", ["", "{", "[]", '{"boot": 1}', '{"boot": "x", "pulses": {"a": "b"}}', "\0" * 100])
def test_a_file_that_is_not_ours_counts_as_none(tmp_path: Path, text: str) -> None:
    made = Memory(PORTS, tmp_path)
    for port in PORTS:
        made.path(port).write_text(text)
    assert made.recall() is None
    made.keep(LEFT)
    assert made.recall() == LEFT


@pytest.mark.bad_input
def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot write the servos' pulses to .*file/deep/driver_dev_ttyACM0"):
        Memory(PORTS[:1], tmp_path / "file" / "deep")


def test_it_lies_where_the_user_keeps_such_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Memory(()).path(PORTS[0]) == tmp_path / "rl_trainer_ros" / "driver_dev_ttyACM0.json"


def driven(port: str, **settings: object) -> DrivenRobot:
    return DrivenRobot(DriverNodeConfig(board="serial", realtime=True, ports=(f"right={port}",), **settings))  # type: ignore[arg-type]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_a_driver_begins_where_the_one_before_left_the_servos(state: Path) -> None:
    hardware, port = load_hardware(), "/dev/nowhere"
    told = {servo.config.pin: servo.pulse(servo.lower + 0.3 * (servo.upper - servo.lower)) for servo in hardware.servos}
    Memory([port]).keep(Left({port: told | {60: 700}}))
    robot = driven(port)
    assert "resuming the last pulses of an earlier driver" in robot.found and "stopped" not in robot.found
    assert dict(zip(told, robot._driver.pulses)) == told
    robot.turn()
    robot.close()
    kept = Memory([port]).recall()
    assert kept is not None and kept.pulses[port] == told | {60: 700}  # also of a servo that this driver does not drive
    forgetful = driven(port, remember=False)
    assert forgetful.found == ""
    assert forgetful._driver.angles == pytest.approx(hardware.parked, abs=0.002)
    forgetful.close()


@pytest.mark.parametrize("how", ["emergency_stopped", "disabled"])
def test_a_stop_outlives_the_driver(state: Path, how: str) -> None:
    port = "/dev/nowhere"
    Memory([port]).keep(Left({}, **{how: True}))  # type: ignore[arg-type]
    for _ in range(2):  # and the next one too
        robot = driven(port)
        assert "stopped, as under an earlier driver: call enable with true to let it move" in robot.found
        robot.turn()
        robot.life.activate(lambda why: None)
        assert not robot.robot.motion_enabled
        robot.turn()
        robot.close()
    kept = Memory([port]).recall()
    assert kept is not None and getattr(kept, how)
    robot = driven(port)
    robot.life.activate(lambda why: None)
    robot.robot.enable(True)
    assert robot.robot.motion_enabled
    robot.turn()
    robot.close()
    kept = Memory([port]).recall()
    assert kept is not None and not kept.emergency_stopped and not kept.disabled


def test_pulses_outside_a_servos_limits_are_not_begun_with(state: Path) -> None:
    hardware, port = load_hardware(), "/dev/nowhere"
    Memory([port]).keep(Left({port: {servo.config.pin: 2400 for servo in hardware.servos}}))
    robot = driven(port)
    for servo, us in zip(hardware.servos, robot._driver.pulses):
        assert servo.min_us <= us <= servo.max_us
    robot.close()


def test_what_is_written_is_one_record(tmp_path: Path) -> None:
    made = Memory(PORTS, tmp_path)
    for count in (68, 3):
        left = Left({port: dict.fromkeys(range(2, 2 + count), 1500) for port in PORTS}, True, True)
        made.keep(left)
        assert made.recall() == left
        assert {os.stat(made.path(port)).st_size for port in PORTS} == {pulse_journal.RECORD}


def test_pulses_that_were_never_sent_are_not_written_down(state: Path) -> None:
    robot = driven("/dev/nowhere")
    robot.turn()
    robot.close()
    left = Memory(["/dev/nowhere"]).recall()
    assert left is not None and left.pulses == {"/dev/nowhere": {}}


def test_who_moves_servos_without_a_driver_forgets_their_pulses_and_no_stop(state: Path) -> None:
    Memory(PORTS).keep(LEFT)
    forget_pulses(PORTS)
    assert Memory(PORTS).recall() == Left({port: {} for port in PORTS}, emergency_stopped=True)
    forget_pulses(["/dev/unknown"])
    assert Memory(["/dev/unknown"]).recall() is None


@pytest.mark.bad_input
def test_a_full_disk_lets_no_arm_fall(state: Path) -> None:
    robot = driven("/dev/nowhere")
    assert robot._memory is not None
    (file,) = robot._memory._files.values()
    os.dup2(os.open("/dev/full", os.O_WRONLY), file)
    assert "cannot write the servos' pulses to" in robot.turn()
    assert "No space left on device" in robot.turn()
    robot.close()
