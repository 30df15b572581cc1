"""Starts and stops rclpy so that a signal ends every wait."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any

import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from robot_interface_ros import ros_environment
from robot_interface_ros.names import check_ros_arguments, place_of, resolve, robot_rules, rules_of, split_ros_arguments
from robot_interface_ros.ros.transport.contract import OF_A_ROBOT

Wake = Callable[[], None]


class Runtime:
    """A context of rclpy with its own signal handlers.

    rclpy's handler destroys the context during a wait. Here SIGINT and SIGTERM set `stop_requested` and wake every
    registered wait; the loop then decides what to do. The third signal ends the process at once (on Ctrl-C, launchers
    send a second one in addition to the terminal's). Python runs a handler only between two bytecodes, so a thread reads
    the wake-up descriptor and wakes the waits while the main thread still blocks in one.
    """

    def __init__(self, arguments: list[str] | None = None, domain_id: int | None = None, signals: bool = True):
        """`arguments`: command line with ROS arguments (None: of this process); `domain_id`: None means ROS_DOMAIN_ID.

        `signals`: whether to handle signals; only one Runtime of a process can do this.
        """
        ros_environment.check(domain_id=domain_id)
        arguments = sys.argv if arguments is None else arguments
        check_ros_arguments(arguments)
        self._rules = rules_of(arguments)
        words = split_ros_arguments(arguments)[1]  # rcl would read other name:=value words as remappings, and warn
        self._program, self._place = "", place_of(self._rules, "")
        self.context = rclpy.Context()
        try:
            rclpy.init(
                args=["--ros-args", *words] if words else [],
                context=self.context,
                domain_id=domain_id,
                signal_handler_options=SignalHandlerOptions.NO,
            )
        except RuntimeError as error:
            raise ros_environment.start_error(error) from None
        self.stop_requested = False  # a plain flag: a signal handler must not take a lock
        self._wakes: list[Wake] = []
        self._nodes: list[Node] = []
        self._previous: dict[int, Any] = {}
        self._signals = 0
        self._sockets: tuple[socket.socket, socket.socket] | None = None
        if signals and threading.current_thread() is threading.main_thread():
            self._install_handlers()

    def node(self, name: str, node_class: type[Node] = Node, **settings: Any) -> Any:
        """Return a node of this context, which `close` destroys; `settings`: arguments of rclpy's Node."""
        node = node_class(name, context=self.context, **settings)
        self._nodes.append(node)
        return node

    def main_node(self, name: str, node_class: type[Node] = Node, **settings: Any) -> Any:
        """Return the main node of a program; the command line may change its name and namespace."""
        node = self.node(name, node_class, **settings)
        self._program, self._place = name, (node.get_namespace(), node.get_name())
        return node

    def topic_node(self, name: str, namespaces: Sequence[str] = ()) -> Node:
        """Return a node for the topics and services of the robots in `namespaces`, without parameters.

        Its namespace is that of the main node. Remappings of the command line apply to each robot's names, which must be
        absolute. Raises ConfigError for a remapping that would give two robots one topic.
        """
        return self.node(
            name,
            namespace=self._place[0],
            cli_args=self.remappings(namespaces),
            start_parameter_services=False,
            use_global_arguments=False,
        )

    def remappings(self, namespaces: Sequence[str]) -> list[str]:
        """Return the arguments of a node that has the topics of these robots; see robot_interface_ros/names.py."""
        names = [resolve(namespace, self._place[0]) for namespace in namespaces]
        rules = robot_rules(self._rules, self._program, self._place, names, OF_A_ROBOT)
        return ["--ros-args", *(word for rule in rules for word in ("-r", rule))] if rules else []

    def request_stop(self) -> None:
        """Request every loop to end; may be called from any thread."""
        self.stop_requested = True
        self._wake_all()

    def on_stop(self, wake: Wake) -> Wake:
        """Call `wake`, from another thread, when a stop is requested; return a function that removes it again."""
        self._wakes.append(wake)
        if self.stop_requested:
            wake()

        def forget() -> None:
            with contextlib.suppress(ValueError):
                self._wakes.remove(wake)

        return forget

    def close(self) -> None:
        """Restore the signal handlers, destroy the nodes and shut rclpy down; may be called twice.

        A remaining node keeps its DDS participant alive; before Kilted, the next context of the process then waits three
        seconds for each.
        """
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
        self._wakes = []
        if self._sockets is not None:
            signal.set_wakeup_fd(-1)
            for end in self._sockets:
                end.close()
            self._sockets = None
        for node in self._nodes:
            with contextlib.suppress(InvalidHandle):  # already destroyed
                node.destroy_node()
        self._nodes = []
        if self.context.ok():
            rclpy.shutdown(context=self.context)

    def __enter__(self) -> Runtime:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _install_handlers(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        self._sockets = (reader, writer)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(reader,), name="signal_watch", daemon=True).start()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals == 3:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.stop_requested = True  # the watching thread wakes the waits

    def _watch(self, reader: socket.socket) -> None:
        while True:
            try:
                if not reader.recv(16):
                    return
            except OSError:
                return
            self._wake_all()

    def _wake_all(self) -> None:
        for wake in list(self._wakes):
            with contextlib.suppress(InvalidHandle):  # its node is already destroyed
                wake()
