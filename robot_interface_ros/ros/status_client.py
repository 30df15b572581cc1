"""Listens to a robot for a moment and returns its status. It sends no command and subscribes to no images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from robot_interface_ros.errors import RobotTimeout
from robot_interface_ros.robot_status import RobotStatus, Stream
from robot_interface_ros.ros.operator import operator_node
from robot_interface_ros.ros.transport import contract, graph
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.offered_qos import hearing_all
from robot_interface_ros.ros.transport.waiting import Waiter

LISTEN_S = 1.3  # time to listen; a robot publishes /diagnostics once a second
FIND_S = 0.3  # time to find the robot's other topics and a second robot, after its joint_states were found
STREAMS: tuple[tuple[str, Any], ...] = (
    (contract.JOINT_STATES, JointState),
    (contract.JOINT_TARGET, JointState),
    (contract.TARGET_POSE, PoseStamped),
    (contract.CONTACT, WrenchStamped),
    (contract.WORLD_STATE, JointState),
)


class _Received:
    """Messages of one topic: their number, the last one, and its arrival, s on the steady clock."""

    def __init__(self) -> None:
        self.count, self.last, self.at = 0, None, 0.0

    def __call__(self, message: Any) -> None:
        self.count, self.last, self.at = self.count + 1, message, time.monotonic()


def robot_status(namespace: str, timeout_s: float, domain_id: int | None = None) -> RobotStatus:
    """Return the status of the robot in a namespace: find it within `timeout_s`, then listen for about 1.6 s.

    Raises RobotTimeout if nobody publishes its joint_states.
    """
    with operator_node(domain_id) as (node, waiter):
        topic = absolute(namespace, contract.JOINT_STATES)
        deadline = time.monotonic() + timeout_s
        while not graph.is_named(node, topic):
            if time.monotonic() > deadline:
                if graph.publishers(node, topic):
                    break  # there is a robot, but the name of its node is unknown
                raise RobotTimeout(
                    f"nobody publishes {topic} within {timeout_s:g} s; is a robot served in that namespace and ROS domain?"
                )
            waiter.wait(0.02)
        _listen(waiter, FIND_S)
        return _listen_to(node, waiter, namespace)


def _listen_to(node: Node, waiter: Waiter, namespace: str) -> RobotStatus:
    def subscribe(kind: Any, name: str, callback: Callable[[Any], None], own: QoSProfile = contract.RELIABLE) -> None:
        waiter.subscribe(kind, name, callback, hearing_all(node, node.resolve_topic_name(name), own))

    received = {name: _Received() for name, _ in STREAMS if graph.publishers(node, absolute(namespace, name))}
    for name, kind in STREAMS:
        if name in received:
            subscribe(kind, absolute(namespace, name), received[name])
    enabled: list[bool] = []
    subscribe(
        Bool,
        absolute(namespace, contract.MOTION_ENABLED),
        lambda message: enabled.append(message.data),
        contract.LATCHED,
    )
    reports: list[DiagnosticStatus] = []

    def on_diagnostics(message: DiagnosticArray) -> None:
        of_robot = (entry for entry in message.status if entry.hardware_id == namespace)
        reports.extend(entry for entry in of_robot if not entry.name.startswith("trainer"))

    subscribe(DiagnosticArray, contract.DIAGNOSTICS, on_diagnostics)
    began = time.monotonic()
    _listen(waiter, LISTEN_S)
    now = time.monotonic()
    streams = [
        Stream(
            name,
            graph.publishers(node, absolute(namespace, name)),
            entry.count,
            now - entry.at if entry.count else None,
        )
        for name, entry in received.items()
    ]
    streams += _cameras(node, namespace)
    report = reports[-1] if reports else DiagnosticStatus()
    return RobotStatus(
        namespace,
        graph.robots(node, namespace) or graph.publishers(node, absolute(namespace, contract.JOINT_STATES)),
        graph.publishers(node, absolute(namespace, contract.JOINT_COMMAND)),
        now - began,
        streams,
        enabled[-1] if enabled else None,
        _by_joint(received.get(contract.JOINT_STATES)),
        _by_joint(received.get(contract.JOINT_TARGET)),
        {value.key: value.value for value in report.values},
        report.message,
        report.level == DiagnosticStatus.ERROR,
    )


def _by_joint(received: _Received | None) -> dict[str, float]:
    message = None if received is None else received.last
    if message is None:
        return {}
    return {name: angle for name, angle in zip(message.name, message.position) if math.isfinite(angle)}


def _cameras(node: Node, namespace: str) -> list[Stream]:
    """Return the cameras' streams without subscribing: a robot in real time renders a camera only for subscribers."""
    begins, ends = absolute(namespace, contract.CAMERA) + "/", "/image_raw"
    names = [name for name, _ in node.get_topic_names_and_types() if name.startswith(begins) and name.endswith(ends)]
    found = ((name, graph.publishers(node, name)) for name in sorted(names))
    return [Stream(name.removeprefix(absolute(namespace, "")), by) for name, by in found if by]


def _listen(waiter: Waiter, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0.0:
        waiter.wait(left)
