"""Frames node: publishes /tf and /tf_static of robots from their robot_description and joint_states.

It replaces robot_state_publisher, for all robots in one process, and also works if that is not installed. Never run both.
Run it with `ros2 run rl_trainer_ros frames_node --ros-args -p "namespaces:=[/env_0]"`; the parameters are the fields of
`FramesConfig`.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.names import check_namespaces
from robot_interface_ros.ros.serving.program import Loop, answering, run_program
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.contract import absolute, frame
from robot_interface_ros.ros.transport.messages import stamp_ns, to_time
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Waiter, make_waiter
from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.frames import FrameTree, Transform
from robot_interface_ros.urdf.robot_model import RobotModel

# The quality of service of tf2_ros; a late subscriber gets the last /tf_static of every publisher.
TF_QOS = QoSProfile(depth=100, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
# Only the newest message, and without delaying a simulator that publishes thousands per second.
NEWEST = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)


@dataclass(frozen=True)
class FramesConfig:
    """Settings of the frames node."""

    namespaces: tuple[str, ...] = option(("env_0",), "robots, one per namespace")
    rate_hz: float = option(30.0, "largest rate of transforms of each frame, by the wall clock", minimum=0.1)

    def __post_init__(self) -> None:
        check_namespaces(self.namespaces)


class RobotFrames:
    """The frames of one robot: keeps its description and its newest joint state."""

    def __init__(self, node: Node, waiter: Waiter, namespace: str):
        self.namespace = namespace
        self.tree: FrameTree | None = None
        self.new_static = False
        self._log = node.get_logger()
        self._text = ""
        self._state: JointState | None = None
        waiter.subscribe(
            String, absolute(namespace, contract.ROBOT_DESCRIPTION), self._on_description, contract.LATCHED
        )
        waiter.subscribe(JointState, absolute(namespace, contract.JOINT_STATES), self._on_state, qos=NEWEST)

    def take(self) -> list[TransformStamped]:
        """Return messages of the moving frames for a new joint state; empty if there is no new one."""
        state, self._state = self._state, None
        if state is None or self.tree is None:
            return []
        try:
            transforms = self.tree.moving(dict(zip(state.name, state.position)))
        except RobotModelError as error:
            self._log.warning(f"{self.namespace}: {error}", throttle_duration_sec=10.0)
            return []
        return transform_messages(transforms, self.namespace, stamp_ns(state))

    def static(self) -> list[TransformStamped]:
        """Return messages of the frames that never move."""
        return transform_messages(self.tree.static, self.namespace, 0) if self.tree is not None else []

    def _on_description(self, message: String) -> None:
        if message.data == self._text:  # a restarted robot publishes it again
            return
        self._text = message.data
        try:
            self.tree = FrameTree(RobotModel.from_urdf(message.data))
        except RobotModelError as error:
            self._log.error(f"{self.namespace}: {error}")
            return
        self.new_static = True

    def _on_state(self, message: JointState) -> None:
        self._state = message


def prepare(runtime: Runtime, node: Node, config: FramesConfig) -> Loop:
    """Subscribe to every robot; return the loop that publishes new transforms, at most `rate_hz` times a second."""
    tf_message = _tf_message()
    own = runtime.topic_node("frames_reader", config.namespaces)
    waiter = make_waiter(own)
    robots = [RobotFrames(own, waiter, namespace) for namespace in config.namespaces]
    moving = own.create_publisher(tf_message, "/tf", TF_QOS)
    static = own.create_publisher(tf_message, "/tf_static", contract.LATCHED)
    stop = threading.Event()
    runtime.on_stop(stop.set)

    def publish() -> None:
        for _ in range(2 * len(robots)):  # a plain executor runs one callback a call
            waiter.wait(0.0)
        if any(robot.new_static for robot in robots):
            # All in one message: a late subscriber gets only the last message of this publisher.
            static.publish(tf_message(transforms=[message for robot in robots for message in robot.static()]))
            for robot in robots:
                robot.new_static = False
        transforms = [message for robot in robots for message in robot.take()]
        if transforms:
            moving.publish(tf_message(transforms=transforms))

    def loop() -> int:
        with answering(runtime, node), contextlib.closing(waiter):
            node.get_logger().info(f"frames of {', '.join(config.namespaces)}")
            while not runtime.stop_requested:
                publish()
                stop.wait(1.0 / config.rate_hz)
        return 0

    return loop


def transform_messages(transforms: Iterable[Transform], namespace: str, stamp: int) -> list[TransformStamped]:
    """Return a message per transform, with the namespace as prefix of each frame; `stamp`: integer nanoseconds."""
    time = to_time(stamp)
    messages = []
    for transform in transforms:
        message = TransformStamped()
        message.header.stamp = time
        message.header.frame_id = frame(namespace, transform.parent)
        message.child_frame_id = frame(namespace, transform.child)
        translation, rotation = message.transform.translation, message.transform.rotation
        translation.x, translation.y, translation.z = transform.xyz
        rotation.x, rotation.y, rotation.z, rotation.w = transform.quaternion
        messages.append(message)
    return messages


def _tf_message() -> Any:
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        raise ConfigError(
            "tf2_msgs is not installed; on a ROS 2 machine: apt install ros-$ROS_DISTRO-tf2-msgs; "
            "with ROS 2 from PyPI: messages/build.sh .venv (it needs g++); otherwise leave frames off"
        ) from None
    return TFMessage


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    return run_program("frames", FramesConfig, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
