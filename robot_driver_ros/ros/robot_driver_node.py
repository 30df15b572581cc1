"""Driver node: serves robots that are not simulated. For now that is the mock robot, in lockstep or in real time.

Run it with `ros2 run rl_trainer_ros robot_driver_node --ros-args -p "namespaces:=[/env_0]"`; the parameters are the fields
of `DriverNodeConfig`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from robot_driver_ros.mock_robot import MockRobot
from robot_interface_ros.config import option
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.robot_config import RobotDescription, load_robot
from robot_interface_ros.ros.serving import serve_robots
from robot_interface_ros.safe_robot import SafeRobot


@dataclass(frozen=True)
class DriverNodeConfig:
    """Which robots to serve, and how."""

    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file")
    groups: tuple[str, ...] = option((), "groups of joints that move, or [all]; empty: as the robot's file says")
    posture: str = option("", "posture of the robot's file in which episodes begin; empty: its rest")
    board: str = option("mock", "what the servos hang on", choices=("mock",))
    control_hz: float = option(
        20.0, "commands and observations per second of the robot's time", minimum=1.0, maximum=1000.0
    )
    namespaces: tuple[str, ...] = option(("/env_0",), "one robot per namespace")
    realtime: bool = option(False, "live at control_hz by a steady clock, whether or not commands come")
    publish_joint_target: bool = option(False, "also publish joint_target; in lockstep both sides compute it")


def driven(config: DriverNodeConfig) -> tuple[SafeRobot, RobotDescription]:
    """Make one robot of the node."""
    description = load_robot(config.robot, config.groups, config.posture)
    return SafeRobot(MockRobot(description, period_of(config.control_hz)), description), description


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    return serve_robots("robot_driver", DriverNodeConfig, driven, arguments)


if __name__ == "__main__":
    sys.exit(main())
