"""Messages that a node refuses because they are unreadable: counted, logged at intervals, and shown in /diagnostics."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.exceptions import InvalidHandle
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message

from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.graph import publishers

LOG_EVERY_S = 5.0  # for each topic
REPORT_EVERY_S = 1.0
WARN_FOR_S = 10.0
MOST_CHARACTERS = 300  # of a reason, which may quote a message of an unknown node


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return text of an unknown author as one printable line of at most `most` characters."""
    line = " ".join(text.split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line[: most + 1])
    return line if len(line) <= most else f"{line[:most]}..."


def read(data: Any, kind: Any) -> Any:
    """Return the message of type `kind` from serialised bytes. Raises UnreadableMessage."""
    try:
        return deserialize_message(data, kind)
    except Exception as error:  # rclpy and the middlewares raise many kinds of errors for invalid bytes
        raise messages.UnreadableMessage(
            f"{len(data)} bytes that are not a {kind.__name__} ({shortened(str(error))})"
        ) from None


class Refused:
    """Messages refused by one node, by topic or service. It publishes nothing before the first refusal."""

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic):
        """`clock`: a steady clock, s."""
        self._node, self._clock = node, clock
        self.counts: Counter[str] = Counter()
        """Topic or service -> number of refused messages."""
        self._reasons: dict[str, str] = {}
        self._logged: dict[str, float] = {}
        self._last = -math.inf
        self._publisher: Any = None
        self._due = math.inf

    @property
    def total(self) -> int:
        """Number of all refused messages."""
        return self.counts.total()

    def note(self, name: str, reason: str) -> None:
        """Count a refused message of a topic or service, and log it, at most every LOG_EVERY_S for each name."""
        now = self._last = self._clock()
        self.counts[name] += 1
        self._reasons[name] = shortened(reason)
        self._due = min(self._due, now)
        if now - self._logged.get(name, -math.inf) >= LOG_EVERY_S:
            self._logged[name] = now
            by = ", ".join(publishers(self._node, name))
            self._node.get_logger().warning(
                f"{name}: refused a message ({self.counts[name]} so far): {self._reasons[name]}"
                + (f"; published there by {by}" if by else "")
            )

    def report(self) -> None:
        """Publish to /diagnostics, from the first refusal on, at most once every REPORT_EVERY_S."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + REPORT_EVERY_S
        if self._publisher is None:
            self._publisher = self._node.create_publisher(DiagnosticArray, contract.DIAGNOSTICS, contract.RELIABLE)
        message = DiagnosticArray(status=[self.status()])
        message.header.stamp = messages.to_time(time.time_ns())
        self._publisher.publish(message)

    def status(self) -> DiagnosticStatus:
        """Return the entry of /diagnostics: a warning for WARN_FOR_S after the last refusal."""
        lately = self._clock() - self._last < WARN_FOR_S
        level = DiagnosticStatus.WARN if lately else DiagnosticStatus.OK
        text = f"{self.total} messages refused on {', '.join(sorted(self.counts))}" if self.counts else "none"
        values = {name: f"{count}; the last: {self._reasons[name]}" for name, count in self.counts.items()}
        name = self._node.get_name()
        return messages.diagnostic_status(level, f"{name}: refused messages", name, text, values)


class RefusingExecutor(SingleThreadedExecutor):
    """An executor that continues when a message, request or answer cannot be taken.

    rclpy's executor raises an error and leaves the node's callback group locked, so the node would receive nothing more.
    """

    def __init__(self, note: Callable[[str, str], None], **arguments: Any):
        """`note(name, reason)` is called for each refused message."""
        super().__init__(**arguments)
        self._note = note

    def _take_subscription(self, sub: Any) -> Any:
        try:
            return super()._take_subscription(sub)
        except InvalidHandle:
            raise
        except RuntimeError as error:
            self._note(sub.topic_name, str(error))
            return None

    def _take_service(self, srv: Any) -> Any:
        try:
            return super()._take_service(srv)
        except InvalidHandle:
            raise
        except RuntimeError as error:
            self._note(srv.srv_name, str(error))
            return None

    def _take_client(self, client: Any) -> Any:
        try:
            return super()._take_client(client)
        except InvalidHandle:
            raise
        except RuntimeError as error:
            self._note(client.srv_name, str(error))
            # Up to Humble, a coroutine unpacks this result.
            return (None, None) if hasattr(super(), "_execute_client") else None
