"""The robot of docs/example_robot in this process, unchanged and with properties of other robots."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import rclpy
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "example_robot"
FILE = FOLDER / "two_joints.yaml"
NAMESPACE = "/two_joints"
SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("two_joints", FOLDER / "two_joints.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Crowded:
    """Publishes more joints than it accepts commands for, in another order, without velocities and efforts."""

    def publish(self: Any) -> None:
        publisher, self.states = self.states, _Kept()
        super().publish()  # type: ignore[misc]
        message, self.states = self.states.message, publisher
        message.name = ["finger_mimic_joint", *reversed(message.name), "wheel_joint"]
        message.position = [0.1, *reversed(message.position), 7.0]
        message.velocity = []
        publisher.publish(message)


class _Kept:
    def publish(self, message: Any) -> None:
        self.message = message


class Sensor:
    """Publishes its states as best effort, like sensors, and requests commands as transient local."""

    def create_publisher(self: Any, kind: Any, name: str, qos: Any, **more: Any) -> Any:
        return Node.create_publisher(self, kind, name, SENSOR if name == "joint_states" else qos, **more)

    def create_subscription(self: Any, kind: Any, name: str, callback: Any, qos: Any, **more: Any) -> Any:
        kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        return Node.create_subscription(self, kind, name, callback, kept, **more)


class Late:
    """Publishes its robot_description later than everything else."""

    def create_publisher(self: Any, kind: Any, name: str, qos: Any, **more: Any) -> Any:
        made = Node.create_publisher(self, kind, name, qos, **more)
        return made if name != "robot_description" else _Delayed(made)


class Overtaken:
    """Takes the last of several stops after the call of `enable` that follows them, as a busy executor can."""

    stops = 0

    def on_emergency_stop(self: Any, message: Any) -> None:
        self.stops += 1
        if self.stops % 3:
            super().on_emergency_stop(message)  # type: ignore[misc]

    def on_enable(self: Any, request: Any, response: Any) -> Any:
        response = super().on_enable(request, response)  # type: ignore[misc]
        if self.stops and self.stops % 3 == 0:
            super().on_emergency_stop(Bool(data=True))  # type: ignore[misc]
            self.stops = 0
        return response


class _Delayed:
    def __init__(self, publisher: Any):
        self._publisher = publisher

    def publish(self, message: Any) -> None:
        threading.Timer(1.0, self._publisher.publish, [message]).start()


@contextmanager
def serving(
    mode: str, domain: int, *habits: type, made: Callable[[Any], Any] | None = None, name: str = "two_joints"
) -> Iterator[Any]:
    """Serve the example robot, `RealTime` or `Lockstep`, with these properties; yield the node."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain, args=[])
    node = type("Stranger", (*habits, getattr(example(), mode)), {})(name=name, context=context)
    if made is not None:
        made(node)
    executor = MultiThreadedExecutor(num_threads=2, context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        yield node
    finally:
        executor.shutdown(timeout_sec=5.0)
        thread.join(10.0)
        node.destroy_node()
        rclpy.shutdown(context=context)
