"""Publishes the numbers of a policy in the robot's namespace, as a recording has them: `action`, `action_probabilities`, ..."""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import JointState

from rl_trainer_ros.recording.policy_streams import Streams
from robot_interface_ros.ros.transport.contract import RELIABLE, absolute
from robot_interface_ros.ros.transport.messages import to_time
from robot_interface_ros.ros.transport.runtime import Runtime


class PolicyPublisher:
    """One publisher for each stream, made with its first message, on a node of its own."""

    def __init__(self, runtime: Runtime, namespace: str):
        self._namespace = namespace
        self._node = runtime.topic_node("policy_numbers", (namespace,))
        self._publishers: dict[str, Any] = {}

    def publish(self, streams: Streams, stamp: int) -> None:
        """Publish stream -> name -> number; `stamp`: of the observation that was answered, integer ns."""
        for name, numbers in streams.items():
            if name not in self._publishers:
                topic = absolute(self._namespace, name)
                self._publishers[name] = self._node.create_publisher(JointState, topic, RELIABLE)
            message = JointState(name=list(numbers), position=list(numbers.values()))
            message.header.stamp = to_time(stamp)
            self._publishers[name].publish(message)

    def close(self) -> None:
        """Destroy the node."""
        self._node.destroy_node()
