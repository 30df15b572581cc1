"""The driver node over topics: a managed node that serves the robot contract in real time."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy")
from lifecycle_msgs.msg import State, Transition
from operators import ELBOW, Operator
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from robot_driver_ros.servos.hardware import load_hardware

pytestmark = pytest.mark.ros
DRIVER = "robot_driver_ros.ros.robot_driver_node"


def test_a_driver_is_led_through_its_life(start: Callable[..., Any], operator: Operator) -> None:
    start(DRIVER, realtime=True, autostart=False, control_hz=50.0)
    assert operator.life() == State.PRIMARY_STATE_UNCONFIGURED
    assert operator.change(Transition.TRANSITION_CONFIGURE)
    rest = dict(zip(load_hardware().description.joint_names, load_hardware().description.rest))[ELBOW]
    assert operator.position() == pytest.approx(rest, abs=0.002)
    assert not operator.call(Trigger, "/env_0/reset").success  # inactive: nothing may power it
    operator.until(lambda: operator.enabled == [False])
    assert operator.change(Transition.TRANSITION_ACTIVATE)
    operator.until(lambda: operator.enabled == [False, True])
    operator.move(ELBOW, -0.9)
    assert operator.change(Transition.TRANSITION_DEACTIVATE)
    operator.until(lambda: operator.enabled == [False, True, False])
    assert operator.position() == pytest.approx(rest, abs=0.002)
    operator.call(SetBool, "/env_0/enable", data=True)
    assert not operator.call(Trigger, "/env_0/reset").success
    assert operator.change(Transition.TRANSITION_CLEANUP)
    assert operator.life() == State.PRIMARY_STATE_UNCONFIGURED


@pytest.mark.parametrize("park_timeout_s, parks", [(10.0, True), (0.0, False)])
def test_a_driver_that_is_told_to_leave_parks_first(
    park_timeout_s: float, parks: bool, start: Callable[..., Any], operator: Operator
) -> None:
    node = start(DRIVER, realtime=True, control_hz=50.0, park_timeout_s=park_timeout_s)
    node.wait_for("serving")
    operator.move(ELBOW, -0.7)
    node.signal(signal.SIGINT)
    began = time.monotonic()
    assert node.wait() == 0
    assert time.monotonic() - began < 25.0
    operator.waiter.wait(0.1)
    last = operator.states[-1]
    assert last.position[list(last.name).index(ELBOW)] == pytest.approx(-0.4 if parks else -0.7, abs=0.02)
    assert any("moving to rest, then torque off, after at most 10 s" in line for line in node.lines) is parks


def test_a_simulated_body_follows_the_pins_and_a_stop_stops_it(start: Callable[..., Any], operator: Operator) -> None:
    node = start(DRIVER, realtime=True, body="simulated", control_hz=50.0)
    node.wait_for("serving /env_0 in real time at 50 Hz, board:=mock")
    operator.move(ELBOW, -0.8)
    operator.until(lambda: operator.stop.get_subscription_count() > 0)
    operator.stop.publish(Bool(data=True))
    answer = operator.call(Trigger, "/env_0/reset")
    assert not answer.success and "emergency stop" in answer.message
    assert operator.position() < -0.7
    assert operator.call(SetBool, "/env_0/enable", data=True).success
    answer = operator.call(Trigger, "/env_0/reset")
    assert answer.success and int(answer.message) > 0
    assert operator.position() == pytest.approx(-0.4, abs=0.1)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"board": "serial"}, "board:=serial needs real time; add realtime:=true"),
        ({"realtime": True, "namespaces": "[/a, /b]"}, "in real time a driver serves one robot"),
        ({"realtime": True, "ports": "[middle=/dev/null]"}, "unknown board 'middle'; known: left, right"),
        ({"body": "simulated"}, "body:=simulated needs mock or emulated boards, in real time"),
    ],
)
def test_settings_that_do_not_fit_are_named(
    start: Callable[..., Any], parameters: dict[str, Any], message: str
) -> None:
    node = start(DRIVER, **parameters)
    node.wait_for(message)
    assert node.wait() == 2


@pytest.mark.bad_input
def test_a_port_that_is_not_there_ends_the_driver_at_once_with_the_cause(start: Callable[..., Any]) -> None:
    """Exit code 2: bring-up does not restart it, and no message suggests the enable service."""
    node = start(DRIVER, realtime=True, board="serial", ports="[right=/dev/ttyNOWHERE]")
    assert node.wait() == 2
    said = "\n".join(node.lines)
    assert "configure: cannot open /dev/ttyNOWHERE: there is no such port; is the board plugged in?" in said
    assert "beginning where" not in said and "stopped as" not in said


@pytest.mark.bad_input
def test_a_rate_that_the_line_cannot_carry_ends_the_driver(start: Callable[..., Any]) -> None:
    node = start(DRIVER, realtime=True, control_hz=100.0, groups="[all]")
    node.wait_for("control_hz is 100, but the serial line of board left carries its 17 servos 75 times a second")
    assert node.wait() == 2
