"""The emergency stop of the page, which stops all of its robots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Bool

from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.runtime import Runtime


class EmergencyStops:
    """One publisher for each robot. They live as long as the page: a stop does not wait for discovery."""

    def __init__(self, runtime: Runtime, namespaces: Sequence[str]):
        """`namespaces`: of the robots that are stopped."""
        self._node: Node = runtime.topic_node("page_stop", namespaces)
        self._publishers: dict[str, Any] = {
            namespace: self._node.create_publisher(Bool, absolute(namespace, contract.EMERGENCY_STOP), contract.LATCHED)
            for namespace in namespaces
        }

    def stop_all(self) -> None:
        """Stop every robot until its `enable`; may be called from any thread."""
        for publisher in self._publishers.values():
            publisher.publish(Bool(data=True))

    def forget(self, namespace: str) -> None:
        """Replace the latched stop of a robot, so that it does not find it after a restart; false does nothing."""
        self._publishers[namespace].publish(Bool(data=False))
