"""Looks at one robot: its description, joint_states and target, over topics."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from robot_interface_ros.robot import Array
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.batch import BatchPlace
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Waiter, make_waiter
from robot_page_ros.ros.batch_rows import BatchRows
from robot_page_ros.view import RobotView

NEWEST = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
"""The newest message only, without delaying a simulator that publishes thousands a second."""
LATCHED_NEWEST = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


class RobotWatch:
    """Subscribes while somebody looks; all its methods are for the thread that calls `take`.

    A robot with batches publishes joint states, target, contact and signals once more for a subscriber, which costs each of
    its steps. So they are read from the batches while these come.
    """

    def __init__(
        self, runtime: Runtime, namespace: str, description: Callable[[str], None], node_name: str = "page_beside"
    ):
        """`description(urdf)`: called for each new robot_description."""
        self.namespace, self.view = namespace, RobotView()
        self._node: Node = runtime.topic_node(node_name, (namespace,))
        self._waiter: Waiter = make_waiter(self._node)
        self._heard: dict[str, tuple[Any, Callable[[Any], None]]] = {}  # stream -> type and callback of its messages
        self._subscriptions: dict[str, Any] = {}  # those of _heard at present
        self._rows = BatchRows(self._waiter, namespace, self._on_row)
        self._hear(JointState, contract.JOINT_STATES, self._on_states)
        self._hear(PoseStamped, contract.TARGET_POSE, self._on_target_pose)
        topic = absolute(namespace, contract.ROBOT_DESCRIPTION)
        self._waiter.subscribe(String, topic, lambda message: description(message.data), LATCHED_NEWEST)

    def take(self) -> None:
        """Take the messages that have arrived; waits for nothing."""
        self._waiter.wait(0.0)
        in_rows = self._rows.streams()
        for name in in_rows:
            if name in self._subscriptions:
                self._waiter.unsubscribe(self._subscriptions.pop(name))
        for name, (kind, newest) in self._heard.items():
            if name not in in_rows and name not in self._subscriptions:
                topic = absolute(self.namespace, name)
                self._subscriptions[name] = self._waiter.subscribe(kind, topic, newest, NEWEST)

    def close(self) -> None:
        """Leave every topic."""
        self._waiter.close()
        self._node.destroy_node()

    def _hear(self, kind: Any, name: str, callback: Callable[[Any], None]) -> None:
        """Take the newest message of a stream from the next `take` on, and note when it came."""

        def newest(message: Any) -> None:
            self.view.arrived[name] = time.monotonic()
            callback(message)

        self._heard[name] = kind, newest

    def _on_row(self, place: BatchPlace, numbers: Array) -> None:
        now, view, joints = time.monotonic(), self.view, len(place.joints)
        view.arrived |= dict.fromkeys(place.streams, now)
        view.position = {**view.position, **finite(place.joints, numbers[:joints].tolist())}
        rest = numbers[3 * joints :]
        view.target_position = rest[:3] if np.isfinite(rest[:3]).all() else None
        rest = rest[3:]
        if place.contact:
            view.force = rest[:3] if np.isfinite(rest[:3]).all() else None
            rest = rest[6:]
        if place.signals:
            view.signals = finite(place.signals, rest.tolist())

    def _on_states(self, message: Any) -> None:
        self.view.position = {**self.view.position, **by_joint(message)}  # a message may have some of the joints only

    def _on_target_pose(self, message: Any) -> None:
        at = message.pose.position
        place = np.array([at.x, at.y, at.z])
        self.view.target_position = place if np.isfinite(place).all() else None


def by_joint(message: Any) -> dict[str, float]:
    """Return joint -> position of a JointState, without values that are not finite."""
    return finite(message.name, message.position)


def finite(names: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    """Return name -> value, without values that are not finite."""
    return {name: value for name, value in zip(names, values) if math.isfinite(value)}
