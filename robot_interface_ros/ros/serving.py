"""The loop of every node that serves robots: one thread that steps, one that answers parameter services."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.robot_model import RobotModelError
from robot_interface_ros.ros.contract import PARAMETER_NODE
from robot_interface_ros.ros.parameters import from_parameters
from robot_interface_ros.ros.robot_server import RobotServer
from robot_interface_ros.ros.runtime import Runtime
from robot_interface_ros.ros.waiting import make_waiter
from robot_interface_ros.safe_robot import SafeRobot

Config = TypeVar("Config")
MakeRobot = Callable[[Config], tuple[SafeRobot, RobotDescription]]


class ServiceThread:
    """An executor in a thread, for nodes whose parameters and services must answer at any moment."""

    def __init__(self, runtime: Runtime):
        self._executor = SingleThreadedExecutor(context=runtime.context)
        self._thread = threading.Thread(target=self._spin, name="services", daemon=True)

    def add(self, node: Node) -> None:
        """Serve this node too."""
        self._executor.add_node(node)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving and wait for the thread."""
        self._executor.shutdown(timeout_sec=1.0)
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()


def serve_robots(name: str, config_class: type[Config], make_robot: MakeRobot[Config], arguments: list[str]) -> int:
    """Serve one robot per namespace of the config's `namespaces` until a signal; returns the exit code."""
    with Runtime(arguments) as runtime:
        node = Node(name, context=runtime.context, automatically_declare_parameters_from_overrides=True)
        try:
            config = from_parameters(node, config_class)
            serve(runtime, node, config, make_robot)
        except (ConfigError, RobotModelError, RobotError, ValueError, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 2
        return 0


def serve(runtime: Runtime, node: Node, config: Config, make_robot: MakeRobot[Config]) -> None:
    """Serve robots until `runtime` is asked to stop; also for tests, from a thread."""
    namespaces: tuple[str, ...] = config.namespaces  # type: ignore[attr-defined]
    check_namespaces(namespaces)
    services = ServiceThread(runtime)
    services.add(node)
    stepping = Node(
        f"{node.get_name()}_lockstep",
        context=runtime.context,
        start_parameter_services=False,
        enable_rosout=False,
        use_global_arguments=False,
    )
    waiter = make_waiter(stepping)
    runtime.on_stop(waiter.wake)
    robots = []
    for namespace in namespaces:
        parameters = Node(
            PARAMETER_NODE,
            namespace=namespace,
            context=runtime.context,
            use_global_arguments=False,
            enable_rosout=False,
        )
        services.add(parameters)
        robot, description = make_robot(config)
        robots.append(robot)
        RobotServer(
            stepping,
            waiter,
            parameters,
            namespace,
            robot,
            description,
            publish_joint_target=getattr(config, "publish_joint_target", False),
        )
    services.start()
    node.get_logger().info(f"serving {', '.join(namespaces)} in lockstep")
    try:
        while not runtime.stop_requested:
            waiter.wait(1.0)
    finally:
        waiter.close()
        services.close()
        for robot in robots:
            robot.close()


def check_namespaces(namespaces: tuple[str, ...]) -> None:
    """Raise ConfigError unless every namespace is absolute and named once."""
    if not namespaces:
        raise ConfigError("namespaces is empty; name at least one, such as [/env_0]")
    for namespace in namespaces:
        if not namespace.startswith("/"):
            raise ConfigError(f"namespace '{namespace}' is not absolute; write '/{namespace}'")
    if len(set(namespaces)) != len(namespaces):
        raise ConfigError(f"a namespace is listed twice in {list(namespaces)}")
