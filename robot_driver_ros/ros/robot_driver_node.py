"""Driver node: serves physical and mock robots.

In lockstep, with `board:=mock`, it serves mock robots without boards. In real time it serves one robot with servos on boards
(mock, emulated, or Arduinos on serial ports), as a managed node: `configure` connects to the boards, `activate` allows
motion, `deactivate` moves to rest and switches the torque off, `cleanup` closes the boards.

Run it with `ros2 run rl_trainer_ros robot_driver_node --ros-args -p board:=serial -p realtime:=true`; the parameters are the
fields of `DriverNodeConfig`.
"""

from __future__ import annotations

import sys
import threading
import time

from rclpy.node import Node

from robot_driver_ros.driven_robot import DrivenRobot
from robot_driver_ros.driver_config import DriverNodeConfig
from robot_driver_ros.lifecycle import LifeState
from robot_driver_ros.mock_robot import MockRobot
from robot_driver_ros.ros.managed_node import ManagedNode, Transitions
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.realtime.ticker import Ticker
from robot_interface_ros.robot_config import RobotDescription, load_robot
from robot_interface_ros.ros.serving.program import BAD_SETTINGS, Loop, Stepping, run_program
from robot_interface_ros.ros.serving.realtime_server import RealTimeLoop, RealTimeServer
from robot_interface_ros.ros.serving.robot_server import RobotServer
from robot_interface_ros.ros.serving.serving import prepare_serving
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.safety.safe_robot import SafeRobot

FAILED = 1  # exit code if a board was lost during the start; a restart of the node may help


def driven(config: DriverNodeConfig) -> tuple[SafeRobot, RobotDescription]:
    """Return a mock robot for lockstep, with its description."""
    description = load_robot(config.robot, config.groups, config.posture)
    return SafeRobot(MockRobot(description, period_of(config.control_hz)), description), description


def _prepare(runtime: Runtime, node: Node, config: DriverNodeConfig) -> Loop:
    if not config.realtime:
        return prepare_serving(runtime, node, config, driven)
    assert isinstance(node, ManagedNode)
    driven_robot, namespace = DrivenRobot(config), config.namespaces[0]
    stepping = Stepping(runtime, node, config.namespaces)
    stepping.claim(namespace)
    episode = stepping.episode_node(namespace)
    life, robot = driven_robot.life, driven_robot.robot
    topics = RobotServer(stepping.node, stepping.waiter, episode, namespace, robot, driven_robot.description)
    server = RealTimeServer(topics, robot)
    transitions = Transitions(life, stepping.waiter.wake)
    node.life, node.transitions = life, transitions
    ticking = RealTimeLoop(stepping.node, stepping.waiter, [server], Ticker(robot.period_ns))
    start = threading.Thread(target=_start, args=(runtime, node, config), name="autostart", daemon=True)

    if driven_robot.found:
        node.get_logger().warning(driven_robot.found)

    def turn() -> None:
        transitions.turn()
        topics.announce()  # a transition allows motion, or ends it
        if life.state is LifeState.UNCONFIGURED:
            stepping.waiter.wait(0.02)
        else:
            ticking.turn()
        if life.waits_for:
            node.get_logger().info(f"waiting: {life.waits_for}", throttle_duration_sec=3.0)
        problem = driven_robot.turn()
        if problem:
            node.get_logger().error(problem, throttle_duration_sec=10.0)

    parked_by: list[float] = []

    def parking() -> bool:
        if not config.park_timeout_s or not life.park():
            return False
        if not parked_by:
            node.get_logger().info(f"moving to rest, then torque off, after at most {config.park_timeout_s:g} s")
            parked_by.append(time.monotonic() + config.park_timeout_s)
        if time.monotonic() < parked_by[0]:
            return True
        node.get_logger().warning(f"not at rest within park_timeout_s ({config.park_timeout_s:g} s)")
        return False

    def loop() -> int:
        if config.autostart:
            start.start()
        try:
            stepping.run(turn, parking)
        finally:
            transitions.close()
            driven_robot.close()
        if not (config.autostart and node.failed):
            return 0
        return BAD_SETTINGS if life.refused else FAILED

    return loop


def _start(runtime: Runtime, node: ManagedNode, config: DriverNodeConfig) -> None:
    """Configure and activate; end the program if this fails."""
    if node.start():
        rate = f"{config.control_hz:g} Hz"
        node.get_logger().info(f"serving {config.namespaces[0]} in real time at {rate}, board:={config.board}")
    elif not runtime.stop_requested:
        runtime.request_stop()


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    return run_program("robot_driver", DriverNodeConfig, _prepare, arguments, ManagedNode)


if __name__ == "__main__":
    sys.exit(main())
