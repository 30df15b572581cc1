"""Nodes that serve robots: one robot and one server per namespace, and one thread that steps or ticks them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from robot_interface_ros.lockstep import LockstepRobot
from robot_interface_ros.names import check_namespaces
from robot_interface_ros.realtime.realtime_robot import RealTimeConfig, RealTimeRobot
from robot_interface_ros.realtime.ticker import Ticker
from robot_interface_ros.robot import Episode
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.serving.program import Loop, Stepping, run_program
from robot_interface_ros.ros.serving.realtime_server import RealTimeLoop, RealTimeServer
from robot_interface_ros.ros.serving.robot_batch import RobotBatch
from robot_interface_ros.ros.serving.robot_server import RobotServer
from robot_interface_ros.ros.transport.contract import CLOCK, RELIABLE, absolute
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.safety.safe_robot import SafeRobot


class ServingConfig(Protocol):
    """Settings that every node that serves robots has."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Namespaces of the robots."""

    @property
    def publish_joint_target(self) -> bool:
        """Whether joint_target is published in lockstep; in real time it always is."""

    @property
    def realtime(self) -> bool:
        """Whether the robots run in real time; if not, in lockstep."""


# At the end of a reset the robot is placed at rest, so a joint that was blocked before is not an error.
PLACED = RealTimeConfig(rest_tolerance=100.0)

Config = TypeVar("Config", bound=ServingConfig)
MakeRobot = Callable[[Config], tuple[SafeRobot, RobotDescription]]


def serve_robots(
    name: str,
    config_class: type[Config],
    make_robot: MakeRobot[Config],
    arguments: list[str] | None = None,
    has_clock: Callable[[Config], bool] = lambda config: False,
) -> int:
    """Serve robots that can be placed at rest, until a signal; return the exit code. `has_clock`: publish `clock`."""

    def prepare(runtime: Runtime, node: Node, config: Config) -> Loop:
        return prepare_serving(runtime, node, config, make_robot, has_clock(config))

    return run_program(name, config_class, prepare, arguments)


def prepare_serving(
    runtime: Runtime, node: Node, config: Config, make_robot: MakeRobot[Config], has_clock: bool = False
) -> Loop:
    """Create robots and servers; return the loop that serves them until a stop is requested."""
    check_namespaces(config.namespaces)
    stepping = Stepping(runtime, node, config.namespaces)
    robots: list[SafeRobot] = []
    servers: list[RealTimeServer] = []
    batch: RobotBatch | None = None
    for namespace in config.namespaces:
        robot, description = make_robot(config)
        robots.append(robot)
        stepping.claim(namespace)
        episode = stepping.episode_node(namespace)
        clock = stepping.node.create_publisher(Clock, absolute(namespace, CLOCK), RELIABLE) if has_clock else None
        if config.realtime:
            realtime = RealTimeRobot(robot, PLACED, first=robot.reset(Episode()))
            camera_hz = getattr(config, "camera_hz", 0.0)  # only robots with cameras have this setting
            topics = RobotServer(stepping.node, stepping.waiter, episode, namespace, realtime, description, clock=clock)
            servers.append(RealTimeServer(topics, realtime, camera_hz))
        else:
            lockstep, with_target = LockstepRobot(robot), config.publish_joint_target
            if batch is None:
                first = lockstep.observation
                batch = RobotBatch(stepping.node, stepping.waiter, namespace, robot.joint_names, first)
            RobotServer(
                *(stepping.node, stepping.waiter, episode, namespace, lockstep, description, with_target, clock, batch)
            )

    def loop() -> int:
        served = ", ".join(config.namespaces)
        try:
            if config.realtime:
                ticker = Ticker(robots[0].period_ns)
                node.get_logger().info(f"serving {served} in real time at {1e9 / ticker.period_ns:g} Hz")
                stepping.run(RealTimeLoop(stepping.node, stepping.waiter, servers, ticker).turn)
            else:
                node.get_logger().info(f"serving {served} in lockstep")
                stepping.run()
        finally:
            for robot in robots:
                robot.close()
        return 0

    return loop
