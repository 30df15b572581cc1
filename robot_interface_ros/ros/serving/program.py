"""How every node of ours begins and ends: arguments, parameters, one-line errors, exit codes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Sequence
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
from robot_interface_ros.ros.transport.contract import EPISODE_SEED, JOINT_STATES, PARAMETER_NODE, absolute
from robot_interface_ros.ros.transport.graph import robots
from robot_interface_ros.ros.transport.refused import Refused, RefusingExecutor
from robot_interface_ros.ros.transport.rosout import last_word
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.two_of_a_kind import two_of_a_kind
from robot_interface_ros.ros.transport.waiting import make_waiter
from robot_interface_ros.ros_environment import check_discovery

BAD_SETTINGS = 2
"""Exit code for what only the user can mend; whoever restarts nodes need not try again."""

_DISCOVERY_S = 0.4  # in which nodes mostly have found each other
_ANSWER_S = 1.0  # for the parameters of a robot that lives

Config = TypeVar("Config")
Loop = Callable[[], int]
Prepare = Callable[[Runtime, Node, Config], Loop]


class ServiceThread:
    """An executor in a thread, for nodes whose parameters and services must answer at any moment."""

    def __init__(self, runtime: Runtime):
        self._executor = RefusingExecutor(self._note, context=runtime.context)
        self._refused: Refused | None = None
        self._thread = threading.Thread(target=self._spin, name="services", daemon=True)

    def add(self, node: Node) -> None:
        """Serve this node too."""
        self._refused = self._refused or Refused(node)
        self._executor.add_node(node)

    def start(self) -> None:
        """Begin to serve."""
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


class Stepping:
    """A node whose messages are taken in the stepping thread, beside one whose parameters a thread of services answers."""

    def __init__(self, runtime: Runtime, node: Node, namespaces: Sequence[str] = ()):
        """`namespaces`: of the robots whose topics it serves or reads."""
        self._runtime, self._made, self._lock = runtime, time.monotonic(), NamespaceLock()
        check_discovery()
        self.node = runtime.topic_node(f"{node.get_name()}_topics", namespaces)
        self.waiter = make_waiter(self.node)
        runtime.on_stop(self.waiter.wake)
        self.services = ServiceThread(runtime)
        self.services.add(node)

    def episode_node(self, namespace: str) -> Node:
        """Return the node that holds a robot's episode parameters; the thread of services answers for it."""
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
        """Raise RobotError where another robot is served in this namespace already; one that was killed does not answer."""
        topic = self.node.resolve_topic_name(absolute(namespace, JOINT_STATES))
        holder = self._lock.hold(self._runtime.context.get_domain_id(), topic)
        if not holder:  # of this machine there is none; of another one, discovery has this long to name it
            time.sleep(max(0.0, self._made + _DISCOVERY_S - time.monotonic()))
        others = [holder] if holder else robots(self.node, namespace)
        if holder or (others and self._answers(namespace)):
            raise RobotError(two_of_a_kind(namespace, topic, [*others, "this robot"]))

    def _answers(self, namespace: str) -> bool:
        """Whether a robot's node of parameters answers."""
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
        """Answer until a stop is requested; `turn` waits once, for no longer than about a second, and may do more.

        `leaving`: asked once a stop is requested, before each further turn: whether there is still something to do.
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
    """Run a node: read its parameters into `config_class`, `prepare` everything, then run the loop that this returns.

    `node_class`: what the node is made of, such as rclpy's LifecycleNode.
    Returns the loop's exit code, or BAD_SETTINGS after one line on standard error where arguments, parameters or
    preparation are at fault. Errors of the loop itself are the loop's.
    """
    arguments = sys.argv if arguments is None else arguments
    node = None
    with contextlib.ExitStack() as stack:
        try:
            words = remove_ros_args(arguments)[1:]
            if words:
                raise ConfigError(f"cannot read '{words[0]}'; parameters follow --ros-args, each as -p name:=value")
            runtime = stack.enter_context(Runtime(arguments))
            namespace, called = place_of(rules_of(arguments), name)
            given = from_arguments(arguments, name, resolve(called, namespace))
            node = runtime.main_node(
                name,
                node_class,
                automatically_declare_parameters_from_overrides=True,
                parameter_overrides=[Parameter(empty, Parameter.Type.STRING_ARRAY, []) for empty in given.empty_lists],
            )
            config = in_namespace(from_parameters(node, config_class, given), node.get_namespace())
            if not given.matched:
                node.get_logger().warning(f"no parameter file names {resolve(called, namespace)}; '/**/{name}:' would")
            loop = prepare(runtime, node, config)
        # rclpy answers a missing parameter file, or a value without a type, with a RuntimeError or ValueError of its own.
        except (RobotError, ValueError, OSError, RuntimeError) as error:
            last_word(node, name, error)
            return BAD_SETTINGS
        return loop()
