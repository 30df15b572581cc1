"""Waiting for messages in the stepping thread, as fast as rclpy allows.

`DirectWaiter` keeps one wait set and takes from the middleware itself: a round trip between two processes costs less
than half of what `SingleThreadedExecutor` needs (benchmarks/transport.py has the figures). For that it leans on
rclpy's inner API, and only this file does. `ExecutorWaiter` offers the same over public API alone and is the fallback
for a version whose inner API differs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

from rclpy.node import Node
from rclpy.qos import QoSProfile

from robot_interface_ros.ros.transport.contract import RELIABLE
from robot_interface_ros.ros.transport.messages import UnreadableMessage
from robot_interface_ros.ros.transport.refused import Refused, RefusingExecutor, read

Callback = Callable[[Any], None]
Handler = Callable[[Any, Any], Any]


_MOST_TAKES = 10  # of one subscription before the others' turn: a flood of commands must not hold up an emergency stop


class Deferred:
    """What a handler returns to answer later: `answer` sends the response, once, from the thread that waits."""

    def __init__(self) -> None:
        self._send: Callback | None = None
        self._response: Any = None

    def answer(self, response: Any) -> None:
        """Send the response, at once or as soon as it can be."""
        if self._send is None:
            self._response = response
        else:
            self._send(response)

    def to(self, send: Callback) -> None:
        """Send by `send(response)`: the waiter's to say."""
        self._send = send
        if self._response is not None:
            send(self._response)


class Waiter(Protocol):
    """Subscriptions, services and clients of one node, served by whoever calls `wait`.

    What cannot be read is refused and counted, and ends nothing: no callback hears of it.
    """

    refused: Refused
    """What was refused; callers add what they refuse themselves."""

    def subscribe(
        self, message_type: Any, topic: str, callback: Callback, qos: QoSProfile = RELIABLE, raw: bool = False
    ) -> Any:
        """Call `callback(message)` for every message that `wait` finds; returns the subscription.

        `raw`: as it came, serialised bytes; the callback raises UnreadableMessage where they are no message.
        """

    def serve(self, service_type: Any, name: str, handler: Handler) -> Any:
        """Call `handler(request, response)` for every request that `wait` finds; returns the service.

        The handler returns the response, or a Deferred: then others are served until it is answered.
        """

    def client(self, service_type: Any, name: str) -> Any:
        """Return a client whose `call_async` futures are completed by `wait`."""

    def wait(self, timeout_s: float) -> None:
        """Wait until something came, `wake` was called or the time is over; run the callbacks of all that came."""

    def wake(self) -> None:
        """End the running or else the next `wait`; from any thread."""

    def close(self) -> None:
        """Destroy everything that was made here."""


def _refusing(message_type: Any, topic: str, callback: Callback, raw: bool, refused: Refused) -> Callback:
    """Return what is called with a message's bytes: it reads them, or refuses what makes no message.

    Every subscription is raw: what a middleware cannot read it drops without a word, or raises; here it is counted.
    """

    def take(data: Any) -> None:
        try:
            callback(data if raw else read(data, message_type))
        except UnreadableMessage as error:
            refused.note(topic, str(error))

    return take


class ExecutorWaiter:
    """The plain way: `SingleThreadedExecutor.spin_once` in the stepping thread."""

    def __init__(self, node: Node):
        self._node = node
        self.refused = Refused(node)
        self._executor = RefusingExecutor(self.refused.note, context=node.context)
        self._executor.add_node(node)
        self._guard = node.create_guard_condition(lambda: None)

    def subscribe(
        self, message_type: Any, topic: str, callback: Callback, qos: QoSProfile = RELIABLE, raw: bool = False
    ) -> Any:
        """See Waiter."""
        take = _refusing(message_type, topic, callback, raw, self.refused)
        return self._node.create_subscription(message_type, topic, take, qos, raw=True)

    def serve(self, service_type: Any, name: str, handler: Handler) -> Any:
        """See Waiter."""

        service = self._node.create_service(service_type, name, handler)
        send = service.send_response

        def send_now_or_later(response: Any, header: Any) -> None:
            """What the executor calls with a handler's result; a coroutine that awaits would starve all other callbacks."""
            _send(send, response, header, self._node)

        service.send_response = send_now_or_later
        return service

    def client(self, service_type: Any, name: str) -> Any:
        """See Waiter."""
        return self._node.create_client(service_type, name)

    def wait(self, timeout_s: float) -> None:
        """See Waiter."""
        self._executor.spin_once(timeout_sec=timeout_s)
        if self.refused.counts:
            self.refused.report()

    def wake(self) -> None:
        """See Waiter."""
        self._guard.trigger()

    def close(self) -> None:
        """See Waiter."""
        self._executor.shutdown(timeout_sec=0)


class DirectWaiter:
    """One wait set for as long as the node lives; messages are taken without tasks, futures or callback groups.

    The node must not be added to an executor as well: nobody else may take what is waited for here.
    """

    def __init__(self, node: Node):
        from rclpy.impl.implementation_singleton import rclpy_implementation

        self._rclpy = rclpy_implementation
        self._taking_failed = rclpy_implementation.RCLError
        self._node = node
        self.refused = Refused(node)
        self._guard = node.create_guard_condition(lambda: None)
        self._subscriptions: list[tuple[Any, Any, str, Callback]] = []
        self._services: list[tuple[Any, Handler]] = []
        self._clients: list[Any] = []
        self._wait_set: Any = None

    def subscribe(
        self, message_type: Any, topic: str, callback: Callback, qos: QoSProfile = RELIABLE, raw: bool = False
    ) -> Any:
        """See Waiter."""
        take = _refusing(message_type, topic, callback, raw, self.refused)
        subscription = self._node.create_subscription(message_type, topic, take, qos, raw=True)
        self._subscriptions.append((subscription.handle, message_type, topic, take))
        self._wait_set = None
        return subscription

    def serve(self, service_type: Any, name: str, handler: Handler) -> Any:
        """See Waiter."""
        service = self._node.create_service(service_type, name, handler)
        self._services.append((service, handler))
        self._wait_set = None
        return service

    def client(self, service_type: Any, name: str) -> Any:
        """See Waiter."""
        client = self._node.create_client(service_type, name)
        self._clients.append(client)
        self._wait_set = None
        return client

    def wait(self, timeout_s: float) -> None:
        """See Waiter."""
        wait_set = self._wait_set
        if wait_set is None:
            wait_set = self._wait_set = self._rclpy.WaitSet(
                len(self._subscriptions), 1, 0, len(self._clients), len(self._services), 0, self._node.context.handle
            )
        wait_set.clear_entities()
        wait_set.add_guard_condition(self._guard.handle)
        for handle, _, _, _ in self._subscriptions:
            wait_set.add_subscription(handle)
        for client in self._clients:
            wait_set.add_client(client.handle)
        for service, _ in self._services:
            wait_set.add_service(service.handle)
        wait_set.wait(max(0, int(timeout_s * 1e9)))
        for i, (handle, message_type, topic, take) in enumerate(self._subscriptions):
            if wait_set.is_ready("subscription", i):
                for _ in range(_MOST_TAKES):
                    try:
                        taken = handle.take_message(message_type, True)
                    except self._taking_failed as error:
                        self.refused.note(topic, str(error))
                        continue
                    if taken is None:
                        break
                    take(taken[0])
        for i, client in enumerate(self._clients):
            if wait_set.is_ready("client", i):
                self._take_response(client)
        for i, (service, handler) in enumerate(self._services):
            if wait_set.is_ready("service", i):
                try:
                    request, header = service.handle.service_take_request(service.srv_type.Request)
                except self._taking_failed as error:
                    self.refused.note(service.srv_name, str(error))
                    continue
                if header is not None:
                    self._answer(service, handler(request, service.srv_type.Response()), header)
        if self.refused.counts:
            self.refused.report()

    def wake(self) -> None:
        """See Waiter."""
        self._guard.trigger()

    def close(self) -> None:
        """See Waiter."""
        self._wait_set = None

    def _answer(self, service: Any, response: Any, header: Any) -> None:
        _send(service.send_response, response, header, self._node)

    def _take_response(self, client: Any) -> None:
        try:
            header, response = client.handle.take_response(client.srv_type.Response)
        except self._taking_failed as error:
            self.refused.note(client.srv_name, str(error))
            return
        if header is None:
            return
        try:
            future = client.get_pending_request(header.request_id.sequence_number)
        except KeyError:  # the answer to a call that was given up
            return
        future.set_result(response)


def _send(send: Callable[[Any, Any], None], response: Any, header: Any, node: Node) -> None:
    """Send a response, or let a Deferred do so; by then whoever asked may be gone, which is no error here."""
    if not isinstance(response, Deferred):
        send(response, header)
        return

    def send_later(answer: Any) -> None:
        try:
            send(answer, header)
        except RuntimeError as error:
            node.get_logger().warning(f"an answer could not be sent: {error}")

    response.to(send_later)


def make_waiter(node: Node) -> Waiter:
    """Return the fastest waiter that this rclpy supports; RL_TRAINER_WAITER=executor asks for the plain one."""
    if os.environ.get("RL_TRAINER_WAITER") == "executor":
        return ExecutorWaiter(node)
    try:
        _check_inner_api()
        waiter = DirectWaiter(node)
        waiter.wait(0.0)
        return waiter
    except (ImportError, AttributeError, TypeError) as error:
        node.get_logger().warning(f"this rclpy has no direct wait ({error}); using its executor, which is slower")
    return ExecutorWaiter(node)


def _check_inner_api() -> None:
    """Raise AttributeError where a version lacks what DirectWaiter calls later, once messages come."""
    from rclpy.client import Client
    from rclpy.impl.implementation_singleton import rclpy_implementation

    for kind, name in (
        ("Subscription", "take_message"),
        ("Service", "service_take_request"),
        ("Client", "take_response"),
    ):
        getattr(getattr(rclpy_implementation, kind), name)
    rclpy_implementation.RCLError  # noqa: B018
    Client.get_pending_request  # noqa: B018
