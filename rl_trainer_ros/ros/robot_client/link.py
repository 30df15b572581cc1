"""What the parts of one robot's client share: node, waiter, names of topics, and who is there."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rclpy.node import Node

from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from robot_interface_ros.errors import StopRequested
from robot_interface_ros.ros.transport import graph
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Waiter


class Link:
    """One robot's namespace, as this process sees it."""

    def __init__(self, runtime: Runtime, node: Node, waiter: Waiter, namespace: str, timeouts: Timeouts):
        self.node, self.waiter, self.namespace, self.timeouts = node, waiter, namespace, timeouts
        self._runtime = runtime
        self._topics: dict[str, str] = {}

    def topic(self, name: str) -> str:
        """Return the full name of a topic of the contract, after remappings."""
        if name not in self._topics:
            self._topics[name] = self.node.resolve_topic_name(absolute(self.namespace, name))
        return self._topics[name]

    def published(self, *names: str) -> bool:
        """Whether somebody publishes on each of these topics."""
        return all(self.node.count_publishers(self.topic(name)) for name in names)

    def conflict(self, name: str, newcomer: str = "") -> str:
        """Return text that names the publishers on a topic if there are several. `newcomer`: see `graph.conflict`."""
        return graph.conflict(self.node, self.namespace, name, newcomer)

    def conflicts(self, names: Iterable[str]) -> list[str]:
        """Say of which of these topics there are several publishers, and who they are."""
        return [said for said in map(self.conflict, names) if said]

    def robots(self) -> list[str]:
        """Return the full names of the nodes that serve a robot in this namespace."""
        return graph.robots(self.node, self.namespace)

    def wait(self, timeout_s: float) -> None:
        """Take messages for at most so long. Raises StopRequested, and what a callback raised."""
        self.waiter.wait(timeout_s)
        self.check_running()

    def pause(self) -> None:
        """Wait for a moment before the graph is looked at again: discovery wakes nobody."""
        self.wait(0.02)

    def rest(self, duration_s: float) -> None:
        """Take messages for so long."""
        until = time.monotonic() + duration_s
        while (left := until - time.monotonic()) > 0.0:
            self.wait(left)

    def check_running(self) -> None:
        """Raise StopRequested where this process is asked to stop."""
        if self._runtime.stop_requested:
            raise StopRequested
