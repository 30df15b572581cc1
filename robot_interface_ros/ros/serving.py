"""What every node that serves robots does: one robot and server per namespace, one thread that steps them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from rclpy.node import Node

from robot_interface_ros.config import check_namespaces
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.contract import PARAMETER_NODE
from robot_interface_ros.ros.program import Loop, Stepping, run_program
from robot_interface_ros.ros.robot_server import RobotServer
from robot_interface_ros.ros.runtime import Runtime
from robot_interface_ros.safe_robot import SafeRobot


class ServingConfig(Protocol):
    """What the settings of every serving node have."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """One robot per namespace."""

    @property
    def publish_joint_target(self) -> bool:
        """Whether joint_target is published."""


Config = TypeVar("Config", bound=ServingConfig)
MakeRobot = Callable[[Config], tuple[SafeRobot, RobotDescription]]


def serve_robots(
    name: str, config_class: type[Config], make_robot: MakeRobot[Config], arguments: list[str] | None = None
) -> int:
    """Serve robots in lockstep until a signal; returns the exit code."""
    return run_program(
        name, config_class, lambda runtime, node, config: _prepare(runtime, node, config, make_robot), arguments
    )


def _prepare(runtime: Runtime, node: Node, config: Config, make_robot: MakeRobot[Config]) -> Loop:
    check_namespaces(config.namespaces)
    stepping = Stepping(runtime, node)
    robots = []
    for namespace in config.namespaces:
        robot, description = make_robot(config)
        robots.append(robot)
        episode = Node(
            PARAMETER_NODE,
            namespace=namespace,
            context=runtime.context,
            use_global_arguments=False,
            enable_rosout=False,
        )
        stepping.services.add(episode)
        RobotServer(stepping.node, stepping.waiter, episode, namespace, robot, description, config.publish_joint_target)

    def loop() -> int:
        node.get_logger().info(f"serving {', '.join(config.namespaces)} in lockstep")
        try:
            stepping.run()
        finally:
            for robot in robots:
                robot.close()
        return 0

    return loop
