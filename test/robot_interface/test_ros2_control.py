"""The files for ros2_control, and a driver with commands like those of joint_state_topic_hardware_interface."""

from __future__ import annotations

import math
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rl_trainer_ros.cli import main
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.urdf import ros2_control
from robot_interface_ros.urdf.robot_model import RobotModel

RATE_HZ = 50.0


@pytest.mark.parametrize("robot, groups", [("inmoov", ()), ("inmoov", ("all",)), ("kuka_iiwa", ())])
def test_every_joint_that_moves_by_itself_is_commanded_and_no_other(robot: str, groups: tuple[str, ...]) -> None:
    description = load_robot(robot, groups)
    urdf = ros2_control.urdf(description, "/arm")
    assert RobotModel.from_urdf(urdf).joint_names == description.joint_names  # still the same robot
    (system,) = ElementTree.fromstring(urdf).findall("ros2_control")
    assert system.findtext("hardware/plugin") == "joint_state_topic_hardware_interface/JointStateTopicSystem"
    parameters = {entry.get("name"): entry.text for entry in system.iter("param")}
    assert parameters == {
        "joint_commands_topic": "/arm/joint_command",
        "joint_states_topic": "/arm/joint_states",
        "trigger_joint_command_threshold": "-1",
    }
    assert tuple(joint.get("name") for joint in system.findall("joint")) == description.joint_names
    for joint in system.findall("joint"):
        assert [entry.get("name") for entry in joint.findall("command_interface")] == ["position"]
        assert [entry.get("name") for entry in joint.findall("state_interface")] == ["position", "velocity"]


def test_controllers_live_beside_the_robot_and_not_in_its_namespace() -> None:
    description = load_robot("inmoov")
    parameters = yaml.safe_load(ros2_control.controllers(description, "/env_0", 50))
    assert list(parameters) == ["/env_0/control/controller_manager", "/env_0/control/joint_trajectory_controller"]
    assert parameters["/env_0/control/controller_manager"]["ros__parameters"]["update_rate"] == 50
    trajectory = parameters["/env_0/control/joint_trajectory_controller"]["ros__parameters"]
    assert tuple(trajectory["joints"]) == description.joint_names
    assert ros2_control.control_namespace("/") == "/control"


def test_the_command_writes_both_and_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["ros2_control", f"folder:={tmp_path / 'new'}", "namespace:=/left"]) == 0
    said = capsys.readouterr().out
    assert f"{tmp_path / 'new' / 'robot.urdf'} --ros-args -r __ns:=/left/control" in said
    assert {file.name for file in (tmp_path / "new").iterdir()} == {"robot.urdf", "controllers.yaml"}


@pytest.mark.ros
@pytest.mark.contract
def test_a_driver_does_what_such_hardware_commands(start: Callable[..., Any], domain: int) -> None:
    """NaN until a controller is active, then every joint in every message at the controller manager's rate."""
    pytest.importorskip("rclpy")
    from rclpy.qos import QoSProfile, qos_profile_sensor_data
    from sensor_msgs.msg import JointState
    from std_msgs.msg import String

    from robot_interface_ros.ros.transport.runtime import Runtime
    from robot_interface_ros.ros.transport.waiting import make_waiter

    start("robot_driver_ros.ros.robot_driver_node", realtime=True, control_hz=RATE_HZ).wait_for("serving")
    names = load_robot("inmoov").joint_names
    elbow = names.index("r_elbow_flex_joint")
    states: list[JointState] = []
    refused: list[str] = []
    with Runtime(domain_id=domain, signals=False) as runtime:
        node = runtime.node("hardware")
        waiter = make_waiter(node)
        waiter.subscribe(JointState, "/env_0/joint_states", states.append, qos_profile_sensor_data)
        waiter.subscribe(String, "/env_0/command_rejected", lambda message: refused.append(message.data))
        publisher = node.create_publisher(JointState, "/env_0/joint_command", QoSProfile(depth=1))

        def command(position: np.ndarray, until: Callable[[], bool]) -> None:
            """Write once a period, as a control loop does."""
            deadline, due = time.monotonic() + 30.0, time.monotonic()
            while not until():
                assert time.monotonic() < deadline
                message = JointState(name=list(names), position=position.tolist())
                message.header.stamp = node.get_clock().now().to_msg()
                publisher.publish(message)
                due += 1.0 / RATE_HZ
                while (left := due - time.monotonic()) > 0.0:
                    waiter.wait(left)

        def is_at(angle: float) -> bool:
            return bool(states) and abs(states[-1].position[elbow] - angle) < 0.01

        command(np.full(len(names), math.nan), lambda: len(refused) > 3)
        assert all("is nan; send finite numbers" in reason for reason in refused)
        assert is_at(-0.4)  # and nothing has moved
        stands = np.array([dict(zip(states[-1].name, states[-1].position))[name] for name in names])
        waiter.wait(0.0)
        refused.clear()
        goal = stands.copy()
        goal[elbow] = -0.9
        command(goal, lambda: is_at(-0.9))
        count = len(states)
        command(goal, lambda: len(states) > count + 50)  # the same again and again: nothing makes it hold or move
        assert is_at(-0.9) and not refused
        node.destroy_node()
