"""The driver node over topics: a managed node that serves the robot contract in real time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy")
from lifecycle_msgs.msg import State, Transition
from operators import ELBOW, Operator
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from robot_driver_ros.hardware import load_hardware

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
        ({"board": "serial"}, "board:=serial lives in real time; add realtime:=true"),
        ({"realtime": True, "namespaces": "[/a, /b]"}, "in real time a driver serves one robot"),
        ({"realtime": True, "ports": "[middle=/dev/null]"}, "unknown board 'middle'; known: left, right"),
        ({"body": "simulated"}, "body:=simulated hangs on mock or emulated boards in real time"),
    ],
)
def test_settings_that_do_not_fit_are_named(
    start: Callable[..., Any], parameters: dict[str, Any], message: str
) -> None:
    node = start(DRIVER, **parameters)
    node.wait_for(message)
    assert node.wait() == 2
