"""Reads one robot's rows of the batches of its process, so that the robot need not publish the same numbers again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Float64MultiArray, String

from robot_interface_ros.robot import Array
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.batch import BatchCodec, BatchPlace, state_columns
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.messages import MessageError, UnreadableMessage
from robot_interface_ros.ros.transport.waiting import Waiter

SILENT_S = 2.0
"""Without a row for so long the robot's own topics are read: it may have been restarted without batches."""
_NEWEST = QoSProfile(depth=8, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
"""The robots of one process may share a step's answers out over several messages."""


class BatchRows:
    """Finds the batches of one robot, and reads its rows while they come; for the thread that calls the waiter."""

    def __init__(self, waiter: Waiter, namespace: str, taken: Callable[[BatchPlace, Array], None]):
        """`taken(place, numbers)`: called for each row; the numbers are those of `state_columns` after the first three."""
        self._waiter, self._taken = waiter, taken
        self._found: BatchPlace | None = None
        self._place: BatchPlace | None = None
        self._subscription: Any = None
        self._row_at = float("-inf")
        self._topic = absolute(namespace, contract.BATCH)
        waiter.subscribe(String, self._topic, self._on_place, contract.LATCHED)

    def streams(self) -> tuple[str, ...]:
        """Return the robot's own topics whose numbers come in rows at present; call it after each wait."""
        if self._found != self._place:
            self._follow()
        if self._place is None or time.monotonic() - self._row_at > SILENT_S:
            return ()
        return self._place.streams

    def _on_place(self, message: Any) -> None:
        try:
            self._found = BatchPlace.of(message)
        except MessageError as error:
            raise UnreadableMessage(str(error)) from None

    def _follow(self) -> None:
        """Subscribe to the batches of the place that was found last."""
        if self._subscription is not None:
            self._waiter.unsubscribe(self._subscription)
        place = self._place = self._found
        assert place is not None
        codec = BatchCodec(state_columns(place.joints, place.contact, place.signals))

        def rows(data: bytes) -> None:
            for robot, _, numbers in codec.read(data):
                if robot == place.robot:
                    self._row_at = time.monotonic()
                    self._taken(place, numbers)

        try:
            self._subscription = self._waiter.subscribe(Float64MultiArray, place.states, rows, _NEWEST, raw=True)
        except RuntimeError as error:  # the place names a topic that has another type
            self._subscription = None
            self._waiter.refused.note(self._topic, str(error).partition(", at ")[0])
