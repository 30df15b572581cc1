"""Driver node: serves robots that are not simulated.

With `board:=mock` and in lockstep that is a robot without a body, which needs nothing installed. In real time it is a robot
of servos on Arduinos (mock, emulated or on serial ports), a managed node: `configure` connects to the boards, `activate`
allows motion, `deactivate` moves to rest and takes the torque off, `cleanup` lets go of the boards.

Run it with `ros2 run rl_trainer_ros robot_driver_node --ros-args -p board:=serial -p realtime:=true`; the parameters are the
fields of `DriverNodeConfig`.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass

from rclpy.node import Node

from robot_driver_ros import doors
from robot_driver_ros.boards import BOARDS, Boards, make_boards
from robot_driver_ros.collision_guard import CollisionGuard
from robot_driver_ros.driver_life import DriverLife, LifeState
from robot_driver_ros.hardware import load_hardware
from robot_driver_ros.mock_robot import MockRobot
from robot_driver_ros.ros.managed_node import ManagedNode, Transitions
from robot_driver_ros.servo_driver import ServoDriver
from robot_driver_ros.servo_robot import ServoRobot
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.realtime import RealTimeConfig, RealTimeRobot
from robot_interface_ros.robot_config import RobotDescription, load_robot
from robot_interface_ros.ros.program import Loop, Stepping, run_program
from robot_interface_ros.ros.realtime_server import RealTimeLoop, RealTimeServer
from robot_interface_ros.ros.runtime import Runtime
from robot_interface_ros.ros.serving import prepare_serving
from robot_interface_ros.safe_robot import SafeRobot
from robot_interface_ros.ticker import Ticker

FAILED = 1  # exit code where the boards cannot be reached; whoever restarts nodes may try again


@dataclass(frozen=True)
class DriverNodeConfig:
    """Which robots to serve, and how."""

    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file")
    groups: tuple[str, ...] = option((), "groups of joints that move, or [all]; empty: as the robot's file says")
    posture: str = option("", "posture of the robot's file in which episodes begin; empty: its rest")
    board: str = option("mock", "what the servos hang on", choices=BOARDS)
    hardware: str = option("", "file of boards and servos; empty: this package's config/hardware/<robot>.yaml")
    ports: tuple[str, ...] = option((), "board=port where it is another than the hardware file's")
    body: str = option(
        "none", "what moves when the pins of a mock or emulated board pulse", choices=("none", "simulated")
    )
    control_hz: float = option(
        20.0, "commands and observations per second of the robot's time", minimum=1.0, maximum=1000.0
    )
    namespaces: tuple[str, ...] = option(("/env_0",), "one robot per namespace; in real time one alone")
    realtime: bool = option(False, "live at control_hz by a steady clock, whether or not commands come")
    publish_joint_target: bool = option(False, "also publish joint_target; in lockstep both sides compute it")
    autostart: bool = option(True, "configure and activate at once; false: by the services of a managed node")
    command_timeout_s: float = option(
        0.3, "without a command for so long the robot holds where it is", minimum=0.01, maximum=60.0
    )
    relax_after_s: float = option(
        0.0, "holding for so long it takes the torque off all servos; 0: never", minimum=0.0, maximum=86_400.0
    )
    reset_timeout_s: float = option(20.0, "for the way to the rest pose", minimum=0.1, maximum=600.0)

    def __post_init__(self) -> None:
        if not self.realtime and self.board != "mock":
            raise ConfigError(f"board:={self.board} lives in real time; add realtime:=true, or use board:=mock")
        if self.realtime and len(self.namespaces) != 1:
            raise ConfigError(f"in real time a driver serves one robot; namespaces has {len(self.namespaces)}")
        if self.body != "none" and (self.board == "serial" or not self.realtime):
            raise ConfigError(f"body:={self.body} hangs on mock or emulated boards in real time")


def driven(config: DriverNodeConfig) -> tuple[SafeRobot, RobotDescription]:
    """Make a robot without a body, for lockstep."""
    description = load_robot(config.robot, config.groups, config.posture)
    return SafeRobot(MockRobot(description, period_of(config.control_hz)), description), description


class DrivenRobot:
    """A robot of servos with everything around it: boards, limits, guard, real time, life."""

    def __init__(self, config: DriverNodeConfig):
        hardware = load_hardware(config.robot, config.hardware, config.groups, config.posture)
        self.description, period_ns = hardware.description, period_of(config.control_hz)
        self.boards: Boards = make_boards(config.board, hardware, config.ports)
        driver = ServoDriver(hardware, self.boards.boards, period_ns * 1e-9)
        body = None
        if config.body == "simulated":
            body = doors.simulated_body(config.robot, config.groups, config.posture, config.control_hz)
        plant = ServoRobot(hardware, driver, period_ns, body, self.boards.pulses)
        guard = CollisionGuard(self.description, hardware.config.may_touch)
        safe = SafeRobot(plant, self.description, guard.allows)
        self.robot = RealTimeRobot(
            safe,
            RealTimeConfig(
                command_timeout_s=config.command_timeout_s,
                relax_after_s=config.relax_after_s or None,
                reset_timeout_s=config.reset_timeout_s,
            ),
        )
        self.life = DriverLife(driver, self.robot, safe, hardware.parked)

    def close(self) -> None:
        """No power, boards closed, emulated ones ended."""
        self.life.close()
        self.boards.close()


def _prepare(runtime: Runtime, node: Node, config: DriverNodeConfig) -> Loop:
    if not config.realtime:
        return prepare_serving(runtime, node, config, driven)
    assert isinstance(node, ManagedNode)
    driven_robot, namespace = DrivenRobot(config), config.namespaces[0]
    stepping = Stepping(runtime, node)
    episode = stepping.episode_node(namespace)
    life, robot = driven_robot.life, driven_robot.robot
    server = RealTimeServer(stepping.node, stepping.waiter, episode, namespace, robot, driven_robot.description)
    transitions = Transitions(life, stepping.waiter.wake)
    node.life, node.transitions = life, transitions
    ticking = RealTimeLoop(stepping.node, stepping.waiter, [server], Ticker(robot.period_ns))
    start = threading.Thread(target=_start, args=(runtime, node, config), name="autostart", daemon=True)

    def turn() -> None:
        transitions.turn()
        server.announce()  # a transition allows motion, or ends it
        if life.state is LifeState.UNCONFIGURED:
            stepping.waiter.wait(0.02)
        else:
            ticking.turn()

    def loop() -> int:
        if config.autostart:
            start.start()
        try:
            stepping.run(turn)
        finally:
            driven_robot.close()
        return FAILED if config.autostart and node.failed else 0

    return loop


def _start(runtime: Runtime, node: ManagedNode, config: DriverNodeConfig) -> None:
    """Configure and activate; end the program where that fails."""
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
