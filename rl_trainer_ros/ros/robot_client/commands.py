"""The topic joint_command of one robot: its publisher, the last command, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from rl_trainer_ros.ros.robot_client.link import Link
from robot_interface_ros.errors import RobotInterrupted
from robot_interface_ros.robot import Array, Command
from robot_interface_ros.ros.transport import contract, messages, offered_qos, wire
from robot_interface_ros.ros.transport.contract import absolute

Batched = Callable[[int, Array], Callable[[], None]]
"""Sends stamp and positions in a batch, and returns the function that sends them again."""


class CommandStream:
    """Publishes commands. It creates its publisher only when no other client commands the robot."""

    def __init__(self, link: Link):
        self._link = link
        self._publisher: Any = None
        self._again: Callable[[], None] | None = None  # sends the last command again
        self._own: Callable[[], None] | None = None  # sends it on the robot's own topic
        self._stamp = 0  # of the last command
        self._batched: Batched | None = None
        self._batch_joints: tuple[str, ...] = ()
        self._question = JointState()
        self._writers: dict[tuple[str, ...], wire.SerialWriter] = {}
        self.rejection = ""
        """Why the robot refused the last command; empty: it did not."""

    @property
    def advertised(self) -> bool:
        """Whether this client has a publisher."""
        return self._publisher is not None

    @property
    def under_way(self) -> bool:
        """Whether a command was sent in this episode."""
        return self._again is not None

    def batched(self, send: Batched | None, joints: tuple[str, ...]) -> None:
        """Send commands of exactly these joints with `send`; None: on the robot's own topic, also a repeated one."""
        self._batched, self._batch_joints = send, joints
        if send is None and self._own is not None:
            self._again = self._own

    def publish(self, command: Command) -> None:
        """Publish a command."""
        self.rejection, self._stamp = "", command.stamp
        # A further subscriber, such as a recorder, reads the robot's own topic.
        if command.names == self._batch_joints and self._batched and self._publisher.get_subscription_count() < 2:
            self._again = self._batched(command.stamp, command.position)
            self._own = partial(self._publish, command)
            return
        self._again = self._own = partial(self._publish, command)
        self._again()

    def repeat(self, question: bool) -> None:
        """Publish the last command again; with `question`, or without a command, ask for the current observation.

        Both may be repeated: a robot answers an old stamp, and the stamp zero, with its last observation.
        """
        self.rejection = ""
        if question or self._again is None:
            self._publisher.publish(self._question)
        else:
            self._again()

    def forget(self) -> None:
        """Forget the last command at the end of an episode, so that it is not repeated."""
        self._again = self._own = None

    def check_accepted(self) -> None:
        """Raise RobotInterrupted if the robot refused the last command."""
        if self.rejection:
            raise RobotInterrupted(f"{self._link.namespace} refused the command: {self.rejection}")

    def on_rejected(self, message: String) -> None:
        """Handle a message of command_rejected."""
        stamp, _, reason = message.data.partition(": ")
        if self._again is not None and stamp == str(self._stamp):
            self.rejection = reason

    def are_heard(self) -> bool:
        """Return whether a subscriber receives the commands; adapt the publisher's quality of service if it requests another.

        The publisher is created only if there is no other: with two publishers, a robot refuses the resets of both.
        """
        node, topic = self._link.node, self._link.topic(contract.JOINT_COMMAND)
        if self._publisher is None:
            if not node.count_subscribers(topic) or node.count_publishers(topic):
                return False
            self._publisher = self._advertise(contract.RELIABLE)
        if self._publisher.get_subscription_count():
            return True
        qos = offered_qos.heard_by_all(node, topic, contract.RELIABLE)
        if qos != contract.RELIABLE and self._publisher.qos_profile.durability != qos.durability:
            node.destroy_publisher(self._publisher)
            self._publisher = self._advertise(qos)
            node.get_logger().warning(
                f"{topic} is published as transient local, as its subscriber requests: later subscribers get the last command"
            )
        return False

    def withdraw(self) -> None:
        """Remove the publisher until no other client has one."""
        self._link.node.destroy_publisher(self._publisher)
        self._publisher = None

    def _advertise(self, qos: QoSProfile) -> Any:
        return self._link.node.create_publisher(JointState, absolute(self._link.namespace, contract.JOINT_COMMAND), qos)

    def _publish(self, command: Command) -> None:
        self._publisher.publish(self._writer(command.names).write(command.stamp, command.position))

    def _writer(self, names: tuple[str, ...]) -> wire.SerialWriter:
        if names not in self._writers:
            self._writers[names] = wire.SerialWriter(messages.JointStateWriter(names), len(names))
        return self._writers[names]
