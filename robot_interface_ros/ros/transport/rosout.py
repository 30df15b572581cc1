"""Publishes the last error of a node on /rosout before the node ends.

A logger would also write the line to standard error, where it is already printed. And its message on /rosout would be lost
with the node if no subscriber had been discovered by then.
"""

from __future__ import annotations

import contextlib
import sys
import time

from rcl_interfaces.msg import Log
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from robot_interface_ros.ros.transport import messages

_ERROR = 40  # rcl_interfaces/Log: ERROR
_LISTENER_S = 1.0  # time to discover a subscriber
_ACKNOWLEDGED_S = 1.0
_QOS = QoSProfile(
    depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)  # as rcl uses for /rosout


def last_word(node: Node | None, program: str, error: object) -> None:
    """Report the error that ends a program: one line on standard error and, if there is a node, on /rosout."""
    text = " ".join(str(error).split())
    print(f"{program}: {text}", file=sys.stderr, flush=True)
    if node is not None:
        with contextlib.suppress(RuntimeError):  # ROS itself may have failed
            tell_rosout(node, text)


def tell_rosout(node: Node, text: str) -> None:
    """Publish an error under the node's name, and wait a moment until subscribers have received it."""
    publisher = node.create_publisher(Log, "/rosout", _QOS)
    deadline = time.monotonic() + _LISTENER_S
    while not publisher.get_subscription_count() and time.monotonic() < deadline:
        time.sleep(0.02)
    stamp = messages.to_time(time.time_ns())
    publisher.publish(Log(stamp=stamp, level=_ERROR, name=node.get_logger().name, msg=text))
    if publisher.get_subscription_count():
        publisher.wait_for_all_acked(Duration(seconds=_ACKNOWLEDGED_S))
