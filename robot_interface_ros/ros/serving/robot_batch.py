"""Serves the batches of all robots of one process, in lockstep: one message brings their commands, one their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray

from robot_interface_ros.robot import Command, Observation
from robot_interface_ros.ros.transport import batch, contract
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.waiting import Waiter

Take = Callable[[Command], None]


class RobotBatch:
    """Topics of the batches of robots with the same joints. Their names are in the namespace of the first robot.

    A client that has found the batch of a robot on its topic `batch` may send commands there. Answers to commands of one
    batch are published as one batch; any other observation, such as that of a reset, as a batch of one row.
    """

    def __init__(self, node: Node, waiter: Waiter, namespace: str, joint_names: tuple[str, ...], first: Observation):
        """`namespace`, `first`: of the first robot; its observation shows which streams all robots have."""
        self._joints = joint_names
        self._contact, self._signals = first.contact is not None, tuple(first.signals)
        self._commands = node.resolve_topic_name(absolute(namespace, contract.BATCH_COMMANDS))
        self._states = node.resolve_topic_name(absolute(namespace, contract.BATCH_STATES))
        self._takers: dict[int, Take] = {}
        self._reader = batch.BatchCodec(batch.command_columns(joint_names))
        self._writer = batch.BatchCodec(batch.state_columns(joint_names, self._contact, self._signals))
        self._answers: list[bytes] = []
        self._taking = False
        self._publisher: Any = node.create_publisher(Float64MultiArray, self._states, contract.RELIABLE)
        waiter.subscribe(Float64MultiArray, self._commands, self._on_commands, raw=True, often=True)

    def join(self, take: Take) -> batch.BatchPlace:
        """Add a robot and return its place; `take` gets its commands, and calls `answer` if one is answered."""
        topics = self._commands, self._states
        place = batch.BatchPlace(batch.draw_number(), self._joints, *topics, self._contact, self._signals)
        self._takers[place.robot] = take
        return place

    def answer(self, place: batch.BatchPlace, observation: Observation) -> None:
        """Publish the observation of one robot, together with the others of this batch."""
        if not (self._taking or self._publisher.get_subscription_count()):
            return
        o = observation
        parts = [o.position, o.velocity, o.effort, o.target_position]
        if self._contact and o.contact is not None:
            parts.append(o.contact)
        if self._signals:
            parts.append(np.array([o.signals[name] for name in self._signals], dtype=np.float64))
        self._answers.append(batch.row_of(place.robot, o.stamp, *parts))
        if not self._taking:
            self._publish()

    def _on_commands(self, data: bytes) -> None:
        commands = self._reader.read(data)
        self._taking = True
        try:
            for robot, stamp, position in commands:
                take = self._takers.get(robot)
                if take is not None:  # else a robot that was here before a restart
                    take(Command(stamp, self._joints, position))
        finally:
            self._taking = False
        self._publish()

    def _publish(self) -> None:
        answers, self._answers = self._answers, []
        if answers:
            self._publisher.publish(self._writer.write(answers))
