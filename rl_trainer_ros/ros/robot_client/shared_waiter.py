"""One node and one wait set for all robots of a trainer. A message for any of them ends the wait."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rclpy.qos import QoSProfile

from rl_trainer_ros.environments.vectorised.fibers import Fibers, Inbox
from rl_trainer_ros.ros.robot_client.batch import SharedBatch
from robot_interface_ros.errors import RobotError
from robot_interface_ros.ros.transport.batch import BatchPlace
from robot_interface_ros.ros.transport.contract import RELIABLE
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Callback, Handler, make_waiter
from robot_interface_ros.ros_environment import check_discovery


class SharedWaiter:
    """Made once and passed to every TopicRobot; closed with the last of them.

    `fibers` runs the robots: while one waits in a fiber, the others continue. A wait outside of fibers blocks.
    """

    def __init__(self, runtime: Runtime, namespaces: Sequence[str]):
        """`namespaces`: of all possible robots."""
        check_discovery()
        self.node = runtime.topic_node("trainer_robots", namespaces)
        self.waiter = make_waiter(self.node)
        self.fibers = Fibers(self._wait)
        self._batches: dict[BatchPlace, SharedBatch] = {}
        self._parts: list[RobotWaiter] = []
        self._forget = runtime.on_stop(self.wake)

    def part(self) -> RobotWaiter:
        """Return the waiter of one more robot."""
        self._parts.append(RobotWaiter(self))
        return self._parts[-1]

    def batch(self, place: BatchPlace) -> SharedBatch:
        """Return the batch of a process of robots, made once."""
        key = dataclasses.replace(place, robot=0)
        if key not in self._batches:
            self._batches[key] = SharedBatch(self.node, self.waiter, place)
        return self._batches[key]

    def wake(self) -> None:
        """End the wait of every robot; may be called from any thread."""
        for part in list(self._parts):
            part.inbox.filled = True
        self.waiter.wake()

    def leave(self, part: RobotWaiter) -> None:
        """Remove a closed robot; after the last one, destroy the node."""
        self._parts.remove(part)
        if not self._parts:
            self._forget()
            self.waiter.close()
            self.node.destroy_node()

    def _wait(self, timeout_s: float) -> None:
        for batch in self._batches.values():  # all robots that could continue have sent their commands
            batch.flush()
        self.waiter.wait(timeout_s)


class RobotWaiter:
    """One robot's part of a SharedWaiter, as a Waiter.

    An exception of a callback is raised in the next wait of this robot, because another robot's wait may run the callback.
    """

    def __init__(self, shared: SharedWaiter):
        self.inbox = Inbox()
        self.refused = shared.waiter.refused
        self._shared = shared
        self._error: RobotError | None = None

    def subscribe(
        self,
        message_type: Any,
        topic: str,
        callback: Callback,
        qos: QoSProfile = RELIABLE,
        raw: bool = False,
        often: bool = False,
    ) -> Any:
        """See Waiter."""
        return self._shared.waiter.subscribe(message_type, topic, self.receiving(callback), qos, raw, often)

    def unsubscribe(self, subscription: Any) -> None:
        """See Waiter."""
        self._shared.waiter.unsubscribe(subscription)

    def receiving(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Return the callback so that it also ends this robot's wait, in which its RobotError is raised."""
        inbox = self.inbox

        def deliver(*content: Any) -> None:
            inbox.filled = True
            try:
                callback(*content)
            except RobotError as error:
                self._error = error

        return deliver

    def serve(self, service_type: Any, name: str, handler: Handler) -> Any:
        """See Waiter."""
        return self._shared.waiter.serve(service_type, name, handler)

    def client(self, service_type: Any, name: str) -> Any:
        """See Waiter. To wait for the future of a call, let it `wake` this waiter when it is done."""
        return self._shared.waiter.client(service_type, name)

    def wait(self, timeout_s: float) -> None:
        """See Waiter; it also returns, without a message, when a message came for another robot."""
        self._shared.fibers.pause(self.inbox, timeout_s)
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def wake(self) -> None:
        """See Waiter."""
        self.inbox.filled = True
        self._shared.waiter.wake()

    def close(self) -> None:
        """See Waiter."""
        self._shared.leave(self)


@contextmanager
def open_runtime(namespaces: Sequence[str]) -> Iterator[Callable[[], tuple[Runtime, SharedWaiter]]]:
    """Start ROS for a program that is no node, and give a function that makes a SharedWaiter for the robots in `namespaces`."""
    with Runtime() as runtime:
        yield lambda: (runtime, SharedWaiter(runtime, namespaces))
