"""What a person beside a robot does, where there is no `ros2` command: stop it, take its torque off, let it move again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from robot_interface_ros.errors import RobotError, RobotTimeout
from robot_interface_ros.ros.contract import EMERGENCY_STOP, ENABLE, LATCHED, MOTION_ENABLED, RELIABLE, absolute
from robot_interface_ros.ros.runtime import Runtime
from robot_interface_ros.ros.waiting import Waiter, make_waiter


def stop(namespace: str, timeout_s: float, domain_id: int | None = None) -> None:
    """Stop a robot until `enable`; returns when it says that it is stopped. Raises RobotTimeout."""
    topic = absolute(namespace, EMERGENCY_STOP)
    enabled: list[bool] = []
    with _beside(domain_id) as (node, waiter):
        waiter.subscribe(
            Bool, absolute(namespace, MOTION_ENABLED), lambda message: enabled.append(message.data), LATCHED
        )
        publisher = node.create_publisher(Bool, topic, RELIABLE)
        _until(waiter, lambda: publisher.get_subscription_count() > 0, f"nobody hears {topic}", timeout_s)
        publisher.publish(Bool(data=True))
        said = f"{namespace} does not say that it is stopped"
        _until(waiter, lambda: enabled[-1:] == [False], said, timeout_s)


def enable(namespace: str, motion: bool, timeout_s: float, domain_id: int | None = None) -> None:
    """Let a robot move, which ends an emergency stop, or take its torque off. Raises RobotTimeout, RobotError."""
    name = absolute(namespace, ENABLE)
    with _beside(domain_id) as (_, waiter):
        client = waiter.client(SetBool, name)
        _until(waiter, client.service_is_ready, f"nobody serves {name}", timeout_s)
        future = client.call_async(SetBool.Request(data=motion))
        _until(waiter, future.done, f"{name} does not answer", timeout_s)
        if not future.result().success:
            raise RobotError(f"{name} refused: {future.result().message}")


@contextmanager
def _beside(domain_id: int | None) -> Iterator[tuple[Node, Waiter]]:
    with Runtime(domain_id=domain_id, signals=False) as runtime:
        node = runtime.topic_node("operator")
        waiter = make_waiter(node)
        try:
            yield node, waiter
        finally:
            waiter.close()
            node.destroy_node()


def _until(waiter: Waiter, condition: Callable[[], bool], said: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise RobotTimeout(f"{said} within {timeout_s:g} s; is a robot served in that namespace and ROS domain?")
        waiter.wait(0.02)
