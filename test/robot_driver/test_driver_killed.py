"""Trainer, driver and cable fail in the middle of a motion, on an emulated board: the pulses during and after the failure."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from operators import ELBOW, Operator, an_operator
from runs import child, wait_for_steps
from scopes import LATE_US, ONE_TIMER_LATE_US, Scope, biggest_step, way_of
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from robot_driver_ros.calibration.hardware_file import write_hardware
from robot_driver_ros.emulator import build
from robot_driver_ros.servos.hardware import load_hardware, read_hardware

pytestmark = [
    pytest.mark.firmware,
    pytest.mark.xdist_group("quiet"),
    pytest.mark.faults,
    pytest.mark.ros,
    pytest.mark.skipif(not build.is_ready() and not os.environ.get("CI"), reason="no emulated board; make emulator"),
]
DRIVER = "patient_driver"
TRAINER = "rl_trainer_ros.ros.trainer_node"
SERVING = "serving /env_0 in real time"
SECOND_US = 1_000_000
CONTROL_HZ = 20.0
PERIOD_S = 1.0 / CONTROL_HZ
HARDWARE = load_hardware()
SERVOS = {servo.config.pin: servo for servo in HARDWARE.servos}


@pytest.fixture(autouse=True)
def helpers_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "helpers"))


def arm_on(board: Scope, folder: Path, firmware: str = "stock") -> dict[str, Any]:
    """Settings of a driver with the right arm on `board`, always powered: switching torque off may shorten a pulse."""
    config = read_hardware(Path(__file__).parents[2] / "config" / "robots" / "inmoov_hardware.yaml")
    right = dataclasses.replace(config.boards["right"], port=board.mega.port, firmware=firmware)
    path = folder / "hardware.yaml"
    write_hardware(dataclasses.replace(config, boards={**config.boards, "right": right}, idle_timeout_s=0.0), path)
    return {"realtime": True, "board": "serial", "hardware": path, "control_hz": CONTROL_HZ}


def passed_us(board: Scope) -> int:
    return max((starts[-1] for pin, starts in board.starts.items() if pin in SERVOS), default=0)


def all_pulse(seen: dict[int, list[float]]) -> bool:
    return set(SERVOS) <= set(seen)


def stands(count: int) -> Callable[[dict[int, list[float]]], bool]:
    """Whether the last `count` pulses of every pin are equal, apart from late ends by the stock sketch."""

    def check(seen: dict[int, list[float]]) -> bool:
        lasts = [seen.get(pin, [])[-count:] for pin in SERVOS]
        return all(len(last) == count and max(last) - min(last) < 5.0 for last in lasts)

    return check


def check_smooth(pulses: dict[int, list[float]]) -> None:
    """Check that no pulse is outside its limits, and that pulses change at most at a servo's top speed."""
    for pin, servo in SERVOS.items():
        widths = pulses[pin]
        assert servo.min_us - 1.0 <= min(widths) <= max(widths) <= servo.max_us + LATE_US
        # Three periods, for a tick may come late and a pulse early.
        assert biggest_step(widths) <= way_of(servo, HARDWARE, 3 * PERIOD_S) + LATE_US


@pytest.mark.parametrize("firmware", ["stock", "watchdog"])
def test_a_killed_driver_is_followed_by_one_that_begins_where_it_was(
    firmware: str, start: Callable, scope: Callable, operator: Operator, tmp_path: Path
) -> None:
    """The stock sketch repeats the last pulse for ever, ours for 3 s. Times are the board's."""
    board = scope(firmware=build.own_firmware() if firmware == "watchdog" else None)
    arm = arm_on(board, tmp_path, firmware)
    driver = start(DRIVER, **arm)
    driver.wait_for(SERVING)
    operator.move(ELBOW, -0.9)
    driver.signal(signal.SIGKILL)
    driver.process.wait()
    board.forget()
    first = board.until(all_pulse)
    killed_us = passed_us(board)
    if firmware == "stock":
        board.until(lambda _: passed_us(board) > killed_us + 5 * SECOND_US)
        last = board.next(sorted(SERVOS))
        assert set(last) == set(SERVOS)
    else:
        last = board.until_silent()
        assert 2.5 * SECOND_US < passed_us(board) - killed_us < 3.2 * SECOND_US
    late_us = ONE_TIMER_LATE_US if firmware == "stock" else 2.0
    elbow = next(pin for pin, servo in SERVOS.items() if servo.joint == ELBOW)
    assert first[elbow][0] == pytest.approx(SERVOS[elbow].pulse(-0.9), abs=20.0)
    for pin, widths in last.items():
        assert widths == pytest.approx([first[pin][-1]] * len(widths), abs=late_us)
    board.forget()
    again = start(DRIVER, **arm)
    again.wait_for("resuming the last pulses of an earlier driver")
    again.wait_for(SERVING)
    for pin, widths in board.until(all_pulse).items():
        if pin in SERVOS:
            # A frame may have been written to the port that the board has not read before its driver was killed.
            assert widths[0] == pytest.approx(last[pin][-1], abs=way_of(SERVOS[pin], HARDWARE, PERIOD_S) + late_us)
    with an_operator() as another:
        assert another.call(Trigger, "/env_0/reset").success
    board.until(stands(5))
    check_smooth(board.pulses)
    assert board.pulses[elbow][-1] == pytest.approx(SERVOS[elbow].pulse(-0.4), abs=late_us)


def test_an_emergency_stop_outlives_the_driver(
    start: Callable, scope: Callable, operator: Operator, tmp_path: Path
) -> None:
    board: Scope = scope()
    arm = arm_on(board, tmp_path)
    driver = start(DRIVER, **arm)
    driver.wait_for(SERVING)
    operator.move(ELBOW, -0.6)
    operator.until(lambda: operator.stop.get_subscription_count() > 0)
    operator.stop.publish(Bool(data=True))
    operator.until(lambda: operator.enabled[-1:] == [False])
    operator.position()  # a tick has passed
    driver.signal(signal.SIGKILL)
    driver.process.wait()
    again = start(DRIVER, **arm)
    again.wait_for("stopped as before: call enable with true to let it move")
    again.wait_for(SERVING)
    board.forget()
    assert not set(board.until_silent()) & set(SERVOS)  # limp until then
    with an_operator() as another:
        another.until(lambda: another.enabled == [False])
        answer = another.call(Trigger, "/env_0/reset")
        assert not answer.success and "emergency stop" in answer.message
        assert another.position() == pytest.approx(-0.6, abs=0.05)
        assert another.call(SetBool, "/env_0/enable", data=True).success
        assert another.call(Trigger, "/env_0/reset").success


def test_a_training_outlives_an_unplugged_board_and_the_robot_a_killed_trainer(
    start: Callable, scope: Callable, tmp_path: Path
) -> None:
    board: Scope = scope()
    driver = start(DRIVER, **arm_on(board, tmp_path))
    driver.wait_for(SERVING)
    words = ("train", "robot_source:=external", "log_interval_s:=0.2", f"log_dir:={tmp_path}", "frames:=false")
    new = ("realtime:=true", f"control_hz:={CONTROL_HZ}", "num_timesteps:=100000", "checkpoint_interval_s:=0.5")
    run = start("rl_trainer_ros.cli.main", *words, *new)
    steps = wait_for_steps(run, 20)

    board.mega.unplug()
    before = {pin: widths[-1] for pin, widths in board.pulses.items() if pin in SERVOS}
    driver.wait_for("is lost")
    board.forget()
    board.mega.plug()
    steps = wait_for_steps(run, steps + 20)
    assert "episode interrupted: " in "\n".join(run.lines)
    for pin, us in before.items():
        assert board.pulses[pin][0] == pytest.approx(us, abs=way_of(SERVOS[pin], HARDWARE, PERIOD_S) + LATE_US)

    board.forget()
    os.kill(child(run, TRAINER), signal.SIGKILL)
    board.until(stands(25))
    check_smooth(board.pulses)
    assert run.wait() == 128 + signal.SIGKILL
    assert driver.process.poll() is None
    board.forget()
    again = start("rl_trainer_ros.cli.main", *words, "resume:=latest")
    wait_for_steps(again, steps)
    check_smooth(board.pulses)


def test_bring_up_starts_a_killed_driver_again_and_ends_limp_with_its_trainer(
    start: Callable, scope: Callable, tmp_path: Path
) -> None:
    board: Scope = scope()
    arm = arm_on(board, tmp_path)
    run = start(
        "rl_trainer_ros.cli.main",
        *("train", "robot_source:=driver", f"hardware:={arm['hardware']}", f"log_dir:={tmp_path}"),
        *("log_interval_s:=0.2", "frames:=false"),
    )
    steps = wait_for_steps(run, 10)
    os.kill(child(run, "robot_driver_ros.ros.robot_driver_node"), signal.SIGKILL)
    run.wait_for("robot_driver was killed by SIGKILL; started again (1 of 3)")
    run.wait_for("resuming the last pulses of an earlier driver")
    wait_for_steps(run, steps + 10)
    os.kill(child(run, TRAINER), signal.SIGKILL)
    assert run.wait() == 128 + signal.SIGKILL
    widths = board.until_silent()
    assert np.median([len(widths[pin]) for pin in SERVOS]) > 50
