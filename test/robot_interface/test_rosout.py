"""Messages on /rosout for users: refusals, stops, and the error that ends a program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros

from rcl_interfaces.msg import Log  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Bool  # noqa: E402

from robot_interface_ros.ros.transport.contract import RELIABLE  # noqa: E402
from robot_interface_ros.ros.transport.rosout import last_word  # noqa: E402
from robot_interface_ros.ros.transport.runtime import Runtime  # noqa: E402
from robot_interface_ros.ros.transport.waiting import Waiter, make_waiter  # noqa: E402


@pytest.fixture
def listening(domain: int) -> Iterator[tuple[Runtime, Waiter, list[str]]]:
    with Runtime(domain_id=domain, signals=False) as runtime:
        waiter, heard = make_waiter(runtime.topic_node("listener")), []
        waiter.subscribe(Log, "/rosout", lambda log: heard.append(f"{log.name}: {log.msg}"))
        yield runtime, waiter, heard
        waiter.close()


def await_line(waiter: Waiter, heard: list[str], text: str, each: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + 30.0
    while not any(text in line for line in heard):
        assert time.monotonic() < deadline, f"no '{text}' among {heard}"
        each()
        waiter.wait(0.1)


def test_a_refused_command_and_a_stop_are_on_rosout(simulator: Callable, listening: tuple) -> None:
    runtime, waiter, heard = listening
    simulator()
    node = runtime.topic_node("operator")
    command = node.create_publisher(JointState, "/env_0/joint_command", RELIABLE)
    stop = node.create_publisher(Bool, "/env_0/emergency_stop", RELIABLE)
    unknown = JointState(name=["no_such_joint"], position=[0.0])
    unknown.header.stamp.sec = 1 << 30
    await_line(waiter, heard, "/env_0: command refused: ", lambda: command.publish(unknown))
    await_line(waiter, heard, "/env_0: motion stopped", lambda: stop.publish(Bool(data=True)))


def test_why_a_node_ended_is_on_rosout(listening: tuple, domain: int, capsys: pytest.CaptureFixture[str]) -> None:
    _, waiter, heard = listening
    with Runtime(domain_id=domain, signals=False) as ending:
        last_word(ending.main_node("robot_sim"), "robot_sim", ValueError("unknown robot\n'imoov'"))
    await_line(waiter, heard, "robot_sim: unknown robot 'imoov'")  # though its node is gone
    assert capsys.readouterr().err == "robot_sim: unknown robot 'imoov'\n"
    last_word(None, "robot_sim", "before there was a node")
    assert capsys.readouterr().err == "robot_sim: before there was a node\n"
