"""Batches on the client's side: the commands of all robots of one process in one message, and their answers in another."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Float64MultiArray, String

from rl_trainer_ros.ros.robot_client.commands import CommandStream
from rl_trainer_ros.ros.robot_client.link import Link
from rl_trainer_ros.ros.robot_client.streams import ObservationStreams
from robot_interface_ros.robot import Array
from robot_interface_ros.ros.transport import batch, contract
from robot_interface_ros.ros.transport.batch import BatchPlace
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.messages import MessageError
from robot_interface_ros.ros.transport.waiting import Waiter

_PARTS = 4
Receive = Callable[[int, Array], None]
"""Gets the stamp, ns, and the numbers of an answer."""


def part_of(robots: int) -> int:
    """Return the number of rows in each part of a batch: at most four parts, since each costs a message each way."""
    return max(1, -(-robots // _PARTS))


class SharedBatch:
    """The batches of one process of robots, for all robots of this trainer."""

    def __init__(self, node: Node, waiter: Waiter, place: BatchPlace):
        """`place`: of any of its robots."""
        self._node, self._states = node, place.states
        self._writer = batch.BatchCodec(batch.command_columns(place.joints))
        self._reader = batch.BatchCodec(batch.state_columns(place.joints, place.contact, place.signals))
        self._receivers: dict[int, Receive] = {}
        self._rows: list[bytes] = []
        self._part = part_of(0)  # number of rows in a message
        self._publisher: Any = node.create_publisher(Float64MultiArray, place.commands, contract.RELIABLE)
        self._subscription = waiter.subscribe(Float64MultiArray, place.states, self._on_states, raw=True, often=True)

    @property
    def connected(self) -> bool:
        """Whether both topics are served."""
        return bool(self._publisher.get_subscription_count() and self._node.count_publishers(self._states))

    def join(self, robot: int, receive: Receive) -> None:
        """Pass the rows of this robot to `receive`."""
        self._receivers[robot] = receive
        self._part = part_of(len(self._receivers))

    def leave(self, robot: int) -> None:
        """Ignore the rows of this robot."""
        self._receivers.pop(robot, None)
        self._part = part_of(len(self._receivers))

    def send(self, row: bytes) -> None:
        """Send a row with the next part of the batch.

        The process of the robots works on the first part while this process computes the second, and answers the second
        while this process reads the answers to the first.
        """
        self._rows.append(row)
        if len(self._rows) >= self._part:
            self.flush()

    def flush(self) -> None:
        """Publish the rows; also called before each wait, since some robots may have no command to send."""
        if self._rows:
            rows, self._rows = self._rows, []
            self._publisher.publish(self._writer.write(rows))

    def _on_states(self, data: bytes) -> None:
        for robot, stamp, numbers in self._reader.read(data):
            receive = self._receivers.get(robot)
            if receive is not None:
                receive(stamp, numbers)


class BatchSeat:
    """One robot's use of the batch of its process. `seek` takes it at the beginning of an episode, if the robot has one.

    Without an answer, `give_up` returns to the robot's own topics until the next episode.
    """

    def __init__(
        self,
        link: Link,
        streams: ObservationStreams,
        commands: CommandStream,
        shared: Callable[[BatchPlace], SharedBatch],
        receiving: Callable[[Receive], Receive],
    ):
        """`shared(place)`: the batch of this trainer for a place; `receiving(receive)`: also ends this robot's wait."""
        self._link, self._streams, self._commands, self._shared = link, streams, commands, shared
        self._receiving = receiving
        self._declared: BatchPlace | None = None
        self._taken: BatchPlace | None = None
        link.waiter.subscribe(String, absolute(link.namespace, contract.BATCH), self._on_place, qos=contract.LATCHED)

    def seek(self, deadline: float) -> None:
        """Use the batch if the robot has one and both of its topics are connected within a bounded time."""
        link = self._link
        if not link.published(contract.BATCH):
            self.give_up()
            return
        until = min(deadline, time.monotonic() + link.timeouts.optional_timeout_s)
        while not self._ready():
            if time.monotonic() >= until:
                place = self._declared
                missing = f"{place.commands} or {place.states}" if place else link.topic(contract.BATCH)
                link.node.get_logger().warning(
                    f"{link.namespace}: {missing} is not served; each message has its own topic", once=True
                )
                self.give_up()
                return
            link.pause()
        if self._taken != self._declared:
            self.give_up()
            assert self._declared is not None
            self._take(self._declared)

    def give_up(self) -> None:
        """Use the robot's own topics."""
        if self._taken is not None:
            self._shared(self._taken).leave(self._taken.robot)
            self._taken, self._link.batch_states = None, ""
            self._commands.batched(None, ())
            self._streams.own_topics()

    def _ready(self) -> bool:
        if self._declared is None:
            return False
        try:
            return self._shared(self._declared).connected
        except RuntimeError as error:  # the place names a topic that has another type
            self._streams.refuse(contract.BATCH, str(error).partition(", at ")[0])
            self._declared = self._taken
            return self._taken is not None and self._shared(self._taken).connected

    def _take(self, place: BatchPlace) -> None:
        if place.joints != self._streams.joint_names:
            return  # the trainer commands other joints; messages on the robot's own topics name theirs
        shared = self._shared(place)
        shared.join(place.robot, self._receiving(partial(self._streams.take_row, place)))
        self._commands.batched(partial(self._send, shared, place.robot), place.joints)
        self._streams.own_topics(place.streams)
        self._taken, self._link.batch_states = place, place.states

    @staticmethod
    def _send(shared: SharedBatch, robot: int, stamp: int, position: Array) -> Callable[[], None]:
        """Send a row; return the function that sends it again."""
        row = batch.row_of(robot, stamp, position)
        shared.send(row)
        return partial(shared.send, row)

    def _on_place(self, message: String) -> None:
        try:
            self._declared = BatchPlace.of(message)
        except MessageError as error:
            self._streams.refuse(contract.BATCH, str(error))
