"""Waits for messages in the stepping thread, as fast as rclpy allows.

`DirectWaiter` keeps one wait set and takes messages directly from the middleware: a round trip between two processes costs
less than half of that with `SingleThreadedExecutor` (benchmarks/transport.py measures it). It uses rclpy's inner API, and
only this file does. `ExecutorWaiter` does the same with only public API; it is the fallback for versions of rclpy with
another inner API.
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

_MOST_TAKES = 10  # messages of one subscription in a row: a flood of commands must not delay an emergency stop
_MOST_SHORT_WAITS = 3  # in a row, for the same reason


class Deferred:
    """Returned by a handler to answer later: `answer` sends the response, once, from the waiting thread."""

    def __init__(self) -> None:
        self._send: Callback | None = None
        self._response: Any = None

    def answer(self, response: Any) -> None:
        """Send the response, at once or as soon as possible."""
        if self._send is None:
            self._response = response
        else:
            self._send(response)

    def to(self, send: Callback) -> None:
        """Set the function that sends the response; called by the waiter."""
        self._send = send
        if self._response is not None:
            send(self._response)


class Waiter(Protocol):
    """Subscriptions, services and clients of one node, served in the thread that calls `wait`.

    An unreadable message is refused and counted; no callback gets it, and the wait continues.
    """

    refused: Refused
    """Refused messages; callers add the messages that they refuse."""

    def subscribe(
        self,
        message_type: Any,
        topic: str,
        callback: Callback,
        qos: QoSProfile = RELIABLE,
        raw: bool = False,
        often: bool = False,
    ) -> Any:
        """Call `callback(message)` for every message that `wait` finds; return the subscription.

        `raw`: the callback gets serialised bytes, and raises UnreadableMessage if they are not a valid message.
        `often`: most waits end with its messages; if one is there already, `wait` takes it and does not look for others.
        """

    def unsubscribe(self, subscription: Any) -> None:
        """End a subscription; not to be called from a callback."""

    def serve(self, service_type: Any, name: str, handler: Handler) -> Any:
        """Call `handler(request, response)` for every request that `wait` finds; return the service.

        The handler returns the response, or a Deferred to answer later; other requests are served meanwhile.
        """

    def client(self, service_type: Any, name: str) -> Any:
        """Return a client; `wait` completes the futures of its `call_async`."""

    def wait(self, timeout_s: float) -> None:
        """Wait until a message comes, `wake` is called or the time is over; run the callbacks of all messages."""

    def wake(self) -> None:
        """End the current or the next `wait`; may be called from any thread."""

    def close(self) -> None:
        """Release the waiter's resources."""


def _refusing(message_type: Any, topic: str, callback: Callback, raw: bool, refused: Refused) -> Callback:
    """Return a callback for serialised messages that reads a message, or refuses an unreadable one.

    Every subscription is raw. A middleware drops an unreadable message silently or raises an error; here it is counted.
    """

    def take(data: Any) -> None:
        try:
            callback(data if raw else read(data, message_type))
        except UnreadableMessage as error:
            refused.note(topic, str(error))

    return take


class ExecutorWaiter:
    """Waits with public API: `SingleThreadedExecutor.spin_once` in the stepping thread."""

    def __init__(self, node: Node):
        self._node = node
        self.refused = Refused(node)
        self._executor = RefusingExecutor(self.refused.note, context=node.context)
        self._executor.add_node(node)
        self._guard = node.create_guard_condition(lambda: None)

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
        take = _refusing(message_type, topic, callback, raw, self.refused)
        return self._node.create_subscription(message_type, topic, take, qos, raw=True)

    def unsubscribe(self, subscription: Any) -> None:
        """See Waiter."""
        self._node.destroy_subscription(subscription)

    def serve(self, service_type: Any, name: str, handler: Handler) -> Any:
        """See Waiter."""

        service = self._node.create_service(service_type, name, handler)
        send = service.send_response

        def send_now_or_later(response: Any, header: Any) -> None:
            """Send a handler's result. The executor calls this; an awaiting coroutine would block all other callbacks."""
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
    """Waits on one wait set for the lifetime of the node; takes messages without tasks, futures or callback groups.

    The node must not be added to an executor, which would also take its messages.
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
        self._often: list[tuple[Any, Any, str, Callback]] = []
        self._short_waits = 0  # since the last one on the wait set
        self._wait_set: Any = None

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
        take = _refusing(message_type, topic, callback, raw, self.refused)
        subscription = self._node.create_subscription(message_type, topic, take, qos, raw=True)
        self._subscriptions.append((subscription.handle, message_type, topic, take))
        if often:
            self._often.append(self._subscriptions[-1])
        self._wait_set = None
        return subscription

    def unsubscribe(self, subscription: Any) -> None:
        """See Waiter."""
        for entries in (self._subscriptions, self._often):
            entries[:] = [entry for entry in entries if entry[0] is not subscription.handle]
        self._wait_set = None
        self._node.destroy_subscription(subscription)

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
        if self._take_often():
            return
        wait_set = self._wait_set
        if wait_set is None:
            wait_set = self._wait_set = self._rclpy.WaitSet(
                len(self._subscriptions), 1, 0, len(self._clients), len(self._services), 0, self._node.context.handle
            )
        # Every entity makes the wait longer, so clients are waited for only during a call.
        calling = [client for client in self._clients if getattr(client, "_pending_requests", True)]
        wait_set.clear_entities()
        wait_set.add_guard_condition(self._guard.handle)
        for handle, _, _, _ in self._subscriptions:
            wait_set.add_subscription(handle)
        for client in calling:
            wait_set.add_client(client.handle)
        for service, _ in self._services:
            wait_set.add_service(service.handle)
        wait_set.wait(max(0, int(timeout_s * 1e9)))
        for i, (handle, message_type, topic, take) in enumerate(self._subscriptions):
            if wait_set.is_ready("subscription", i):
                self._take_messages(handle, message_type, topic, take)
        for i, client in enumerate(calling):
            if wait_set.is_ready("client", i):
                self._take_response(client)
        for i, (service, handler) in enumerate(self._services):
            if wait_set.is_ready("service", i):
                self._take_request(service, handler)
        if self.refused.counts:
            self.refused.report()

    def wake(self) -> None:
        """See Waiter."""
        self._guard.trigger()

    def close(self) -> None:
        """See Waiter."""
        self._wait_set = None

    def _take_often(self) -> bool:
        """Take messages of the subscriptions `often` that are there already; return whether there were any.

        A wait on the wait set costs as much as several messages, more with each entity.
        """
        taken = self._short_waits < _MOST_SHORT_WAITS and any(self._take_messages(*entry) for entry in self._often)
        self._short_waits = self._short_waits + 1 if taken else 0
        if not taken:
            return False
        if self.refused.counts:
            self.refused.report()
        return True

    def _take_messages(self, handle: Any, message_type: Any, topic: str, take: Callback) -> bool:
        """Take the messages of a subscription, at most _MOST_TAKES; return whether there was one."""
        for count in range(_MOST_TAKES):
            try:
                taken = handle.take_message(message_type, True)
            except self._taking_failed as error:
                self.refused.note(topic, str(error))
                continue
            if taken is None:
                return count > 0
            take(taken[0])
        return True

    def _take_request(self, service: Any, handler: Handler) -> None:
        try:
            request, header = service.handle.service_take_request(service.srv_type.Request)
        except self._taking_failed as error:
            self.refused.note(service.srv_name, str(error))
            return
        if header is not None:
            self._answer(service, handler(request, service.srv_type.Response()), header)

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
        except KeyError:  # the answer to a cancelled call
            return
        future.set_result(response)


def _send(send: Callable[[Any, Any], None], response: Any, header: Any, node: Node) -> None:
    """Send a response, or let a Deferred send it later. A client that has ended by then is not an error."""
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
    """Return the fastest waiter that this rclpy supports; RL_TRAINER_WAITER=executor selects `ExecutorWaiter`."""
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
    """Raise AttributeError if this rclpy lacks a function that DirectWaiter calls when messages come."""
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
