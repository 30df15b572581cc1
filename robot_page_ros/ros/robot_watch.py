"""Looks at one robot: its description, joint_states and target, over topics."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Waiter, make_waiter
from robot_page_ros.view import RobotView

NEWEST = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
"""The newest message only, without delaying a simulator that publishes thousands a second."""
LATCHED_NEWEST = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


class RobotWatch:
    """Subscribes while somebody looks; all its methods are for the thread that calls `take`."""

    def __init__(
        self, runtime: Runtime, namespace: str, description: Callable[[str], None], node_name: str = "page_beside"
    ):
        """`description(urdf)`: called for each new robot_description."""
        self.namespace, self.view = namespace, RobotView()
        self._node: Node = runtime.topic_node(node_name, (namespace,))
        self._waiter: Waiter = make_waiter(self._node)
        self._hear(JointState, contract.JOINT_STATES, self._on_states)
        self._hear(PoseStamped, contract.TARGET_POSE, self._on_target_pose)
        topic = absolute(namespace, contract.ROBOT_DESCRIPTION)
        self._waiter.subscribe(String, topic, lambda message: description(message.data), LATCHED_NEWEST)

    def take(self) -> None:
        """Take the messages that have arrived; waits for nothing."""
        self._waiter.wait(0.0)

    def close(self) -> None:
        """Leave every topic."""
        self._waiter.close()
        self._node.destroy_node()

    def _hear(self, kind: Any, name: str, callback: Callable[[Any], None]) -> None:
        """Subscribe to the newest message of a stream, and note when it came."""

        def newest(message: Any) -> None:
            self.view.arrived[name] = time.monotonic()
            callback(message)

        self._waiter.subscribe(kind, absolute(self.namespace, name), newest, NEWEST)

    def _on_states(self, message: Any) -> None:
        self.view.position = {**self.view.position, **by_joint(message)}  # a message may have some of the joints only

    def _on_target_pose(self, message: Any) -> None:
        at = message.pose.position
        place = np.array([at.x, at.y, at.z])
        self.view.target_position = place if np.isfinite(place).all() else None


def by_joint(message: Any) -> dict[str, float]:
    """Return joint -> position of a JointState, without values that are not finite."""
    return {name: angle for name, angle in zip(message.name, message.position) if math.isfinite(angle)}
