"""Shared by the parts of one robot's client: node, waiter, topic names, and queries of the graph."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rclpy.node import Node

from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from robot_interface_ros.errors import StopRequested
from robot_interface_ros.ros.transport import graph
from robot_interface_ros.ros.transport.conflicts import conflict_text
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Waiter


class Link:
    """Access of this process to one robot's namespace."""

    def __init__(self, runtime: Runtime, node: Node, waiter: Waiter, namespace: str, timeouts: Timeouts):
        self.node, self.waiter, self.namespace, self.timeouts = node, waiter, namespace, timeouts
        self._runtime = runtime
        self._topics: dict[str, str] = {}
        self.batch_states = ""
        """Topic of the batches that contain this robot's streams, while a batch is used."""

    def topic(self, name: str) -> str:
        """Return the full name of a topic of the contract, after remappings."""
        if name not in self._topics:
            self._topics[name] = self.node.resolve_topic_name(absolute(self.namespace, name))
        return self._topics[name]

    def published(self, *names: str) -> bool:
        """Return whether each of these topics has a publisher."""
        return all(self.node.count_publishers(self.topic(name)) for name in names)

    def conflict(self, name: str, newcomer: str = "") -> str:
        """Return a text that names the publishers of a topic if there are several. `newcomer`: see `graph.conflict`."""
        return graph.conflict(self.node, self.namespace, name, newcomer)

    def stream_conflict(self, name: str) -> str:
        """Return such a text for a stream, also if the batch that contains it has several publishers."""
        batch = graph.publishers(self.node, self.batch_states) if self.batch_states else []
        return self.conflict(name) or conflict_text(self.namespace, self.batch_states, batch)

    def conflicts(self, names: Iterable[str]) -> list[str]:
        """Return such a text for each of these topics that has several publishers."""
        return [text for text in map(self.conflict, names) if text]

    def robots(self) -> list[str]:
        """Return the full names of the nodes that serve a robot in this namespace."""
        return graph.robots(self.node, self.namespace)

    def wait(self, timeout_s: float) -> None:
        """Handle messages, for at most `timeout_s`. Raises StopRequested, and exceptions of callbacks."""
        self.waiter.wait(timeout_s)
        self.check_running()

    def pause(self) -> None:
        """Wait 20 ms before the graph is read again, because discovery does not end a wait."""
        self.wait(0.02)

    def rest(self, duration_s: float) -> None:
        """Handle messages for this time."""
        until = time.monotonic() + duration_s
        while (left := until - time.monotonic()) > 0.0:
            self.wait(left)

    def check_running(self) -> None:
        """Raise StopRequested if this process should stop."""
        if self._runtime.stop_requested:
            raise StopRequested
