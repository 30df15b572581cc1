"""The page's link to a simulated robot in real time, over topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("viser")
from geometry_msgs.msg import PoseStamped

from robot_interface_ros.ros.transport.contract import RELIABLE
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_page_ros.ros.emergency_stops import EmergencyStops
from robot_page_ros.ros.robot_link import RobotLink

pytestmark = pytest.mark.ros
JOINT = "r_elbow_flex_joint"


@pytest.fixture
def link(simulator: Callable, domain: int) -> Iterator[RobotLink]:
    simulator(realtime=True, cameras="[external]")
    with Runtime(domain_id=domain, signals=False) as runtime:
        link = RobotLink(runtime, "/env_0", described.append)
        yield link
        link.close()


described: list[str] = []


def until(link: RobotLink, condition: Callable[[], object], each: Callable[[], object] = lambda: None) -> None:
    deadline = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline
        each()
        link.take()
        time.sleep(0.02)


def test_the_page_sees_and_moves_a_robot_in_real_time(link: RobotLink, domain: int) -> None:
    view = link.view
    until(link, lambda: view.position and view.real_time and "external" in view.cameras and view.motion_enabled)
    until(link, lambda: view.cameras["external"].image is not None and view.cameras["external"].frame)
    assert described[-1].count("<link") > 40
    assert 0.3 < view.cameras["external"].fov_y_rad < 1.5

    goal = view.target[JOINT] - 0.2
    until(link, lambda: abs(view.target[JOINT] - goal) < 0.002, lambda: link.command({JOINT: goal}))
    link.let_go()

    until(link, lambda: link.takes_target and view.target_position is not None)
    wanted = np.array([0.31, -0.22, 1.23])
    until(link, lambda: np.allclose(view.target_position, wanted), lambda: link.request_target(wanted))
    with Runtime(domain_id=domain, signals=False) as other:
        publisher = other.topic_node("a_hostile_page").create_publisher(PoseStamped, "/env_0/target_request", RELIABLE)
        for bad in (float("nan"), 1e9):
            message = PoseStamped()
            message.pose.position.x = bad
            until(link, lambda: publisher.get_subscription_count())
            publisher.publish(message)
    arrived = view.arrived["target_pose"]
    until(link, lambda: view.arrived["target_pose"] > arrived + 0.3)
    assert np.allclose(view.target_position, wanted)  # type: ignore[arg-type]

    with Runtime(domain_id=domain, signals=False) as other:
        stops = EmergencyStops(other, ["/env_0", "/env_1"])
        until(link, lambda: view.motion_enabled is False, stops.stop_all)
        stops.forget("/env_0")
    answers: list[tuple[bool, str]] = []
    link.enable(True, lambda good, text: answers.append((good, text)))
    until(link, lambda: answers and view.motion_enabled)
    assert answers == [(True, "motion enabled")]


def test_the_page_leaves_a_robot_alone_that_another_client_commands(link: RobotLink, domain: int) -> None:
    until(link, lambda: link.view.position)
    with Runtime(domain_id=domain, signals=False) as other:
        from sensor_msgs.msg import JointState

        other.topic_node("a_trainer").create_publisher(JointState, "/env_0/joint_command", RELIABLE)
        said: list[str] = []
        until(
            link,
            lambda: said and "a_trainer" in said[-1],
            lambda: (said.append(link.command({JOINT: 0.1})), link.let_go()),
        )
        assert "a_trainer commands this robot; end it first" in said[-1]
