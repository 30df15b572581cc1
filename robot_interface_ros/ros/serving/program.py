"""Start and end of every node of this package: arguments, parameters, one-line errors, exit codes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rcl_interfaces.srv import GetParameters
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.utilities import remove_ros_args

from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.parameter_files import from_arguments
from robot_interface_ros.names import in_namespace, place_of, resolve, rules_of
from robot_interface_ros.ros.serving.namespace_lock import NamespaceLock
from robot_interface_ros.ros.serving.parameters import from_parameters
from robot_interface_ros.ros.transport.conflicts import conflict_text
from robot_interface_ros.ros.transport.contract import EPISODE_SEED, JOINT_STATES, PARAMETER_NODE, absolute
from robot_interface_ros.ros.transport.graph import robots
from robot_interface_ros.ros.transport.refused import Refused, RefusingExecutor
from robot_interface_ros.ros.transport.rosout import last_word
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter
from robot_interface_ros.ros_environment import check_discovery

BAD_SETTINGS = 2
"""Exit code for an error that only the user can fix; a restart of the node would not help."""

_DISCOVERY_S = 0.4  # time in which nodes usually find each other
_ANSWER_S = 1.0  # time for a running robot to answer a request for its parameters

Config = TypeVar("Config")
Loop = Callable[[], int]
Prepare = Callable[[Runtime, Node, Config], Loop]


class ServiceThread:
    """An executor in its own thread, for nodes whose parameters and services must answer at any time."""

    def __init__(self, runtime: Runtime):
        self._executor = RefusingExecutor(self._note, context=runtime.context)
        self._refused: Refused | None = None
        self._thread = threading.Thread(target=self._spin, name="services", daemon=True)

    def add(self, node: Node) -> None:
        """Add a node to serve."""
        self._refused = self._refused or Refused(node)
        self._executor.add_node(node)

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving and wait for the thread."""
        self._executor.shutdown(timeout_sec=1.0)
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _note(self, name: str, reason: str) -> None:
        assert self._refused is not None
        self._refused.note(name, reason)
        self._refused.report()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()


@contextlib.contextmanager
def answering(runtime: Runtime, node: Node) -> Iterator[None]:
    """Within the context, parameters and services of `node` are answered at any time, by a thread of its own."""
    services = ServiceThread(runtime)
    services.add(node)
    services.start()
    try:
        yield
    finally:
        services.close()


class Stepping:
    """A node whose messages are taken in the stepping thread, with a service thread for the parameters of `node`."""

    def __init__(self, runtime: Runtime, node: Node, namespaces: Sequence[str] = ()):
        """`namespaces`: of the robots whose topics are served or read here."""
        self._runtime, self._made, self._lock = runtime, time.monotonic(), NamespaceLock()
        check_discovery()
        self.node = runtime.topic_node(f"{node.get_name()}_topics", namespaces)
        self.waiter = make_waiter(self.node)
        runtime.on_stop(self.waiter.wake)
        self.services = ServiceThread(runtime)
        self.services.add(node)

    def episode_node(self, namespace: str) -> Node:
        """Return the node with a robot's episode parameters; the service thread answers for it."""
        node = self._runtime.node(
            PARAMETER_NODE,
            namespace=namespace,
            cli_args=self._runtime.remappings((namespace,)),
            use_global_arguments=False,
            enable_rosout=False,
        )
        self.services.add(node)
        return node

    def claim(self, namespace: str) -> None:
        """Raise RobotError if another robot already serves this namespace. A robot that was killed is ignored."""
        topic = self.node.resolve_topic_name(absolute(namespace, JOINT_STATES))
        holder = self._lock.hold(self._runtime.context.get_domain_id(), topic)
        if not holder:  # no robot of this machine; give discovery time to find one of another machine
            time.sleep(max(0.0, self._made + _DISCOVERY_S - time.monotonic()))
        others = [holder] if holder else robots(self.node, namespace)
        if holder or (others and self._answers(namespace)):
            raise RobotError(conflict_text(namespace, topic, [*others, "this robot"]))

    def _answers(self, namespace: str) -> bool:
        """Whether the parameter node of a robot in this namespace answers."""
        client = self.waiter.client(GetParameters, absolute(namespace, f"{PARAMETER_NODE}/get_parameters"))
        deadline, future = time.monotonic() + _ANSWER_S, None
        while time.monotonic() < deadline and not self._runtime.stop_requested:
            if future is None and client.service_is_ready():
                future = client.call_async(GetParameters.Request(names=[EPISODE_SEED]))
            if future is not None and future.done():
                return True
            self.waiter.wait(0.02)
        return False

    def run(self, turn: Callable[[], None] | None = None, leaving: Callable[[], bool] = lambda: False) -> None:
        """Call `turn` until a stop is requested. `turn` waits once, for at most about a second; default: only that.

        `leaving`: called before each turn after a stop request; while it returns true, the turns continue.
        """
        self.services.start()
        try:
            while not self._runtime.stop_requested or leaving():
                if turn is not None:
                    turn()
                else:
                    self.waiter.wait(1.0)
        finally:
            self.waiter.close()
            self.services.close()
            self._lock.close()


def run_program(
    name: str,
    config_class: type[Config],
    prepare: Prepare[Config],
    arguments: list[str] | None = None,
    node_class: type[Node] = Node,
) -> int:
    """Run a node: read its parameters into `config_class`, call `prepare`, then run the loop that `prepare` returns.

    `node_class`: class of the node, such as rclpy's LifecycleNode.
    Returns the loop's exit code. After an error in arguments, parameters or `prepare`, prints one line to standard
    error and returns BAD_SETTINGS. Errors of the loop are not handled here.
    """
    arguments = sys.argv if arguments is None else arguments
    node = None
    with contextlib.ExitStack() as stack:
        try:
            words = remove_ros_args(arguments)[1:]
            if words:
                raise ConfigError(
                    f"cannot read '{words[0]}'; write parameters after --ros-args, each as -p name:=value"
                )
            runtime = stack.enter_context(Runtime(arguments))
            namespace, node_name = place_of(rules_of(arguments), name)
            given = from_arguments(arguments, name, resolve(node_name, namespace))
            node = runtime.main_node(
                name,
                node_class,
                automatically_declare_parameters_from_overrides=True,
                parameter_overrides=[Parameter(empty, Parameter.Type.STRING_ARRAY, []) for empty in given.empty_lists],
            )
            config = in_namespace(from_parameters(node, config_class, given), node.get_namespace())
            if not given.matched:
                node.get_logger().warning(
                    f"no parameter file has values for {resolve(node_name, namespace)}; use '/**/{name}:' in the file"
                )
            loop = prepare(runtime, node, config)
        # rclpy raises RuntimeError or ValueError for a missing parameter file, or a value without a type.
        except (RobotError, ValueError, OSError, RuntimeError) as error:
            last_word(node, name, error)
            return BAD_SETTINGS
        return loop()
