"""Simulator node: serves simulated robots, one per namespace, in lockstep or in real time.

Run it with `ros2 run rl_trainer_ros robot_sim_node --ros-args -p "namespaces:=[/env_0]"`. Its parameters are the fields
of `SimNodeConfig`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from robot_interface_ros.config import option
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.serving.serving import serve_robots
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig


@dataclass(frozen=True)
class SimNodeConfig(SimConfig):
    """Settings of the simulation, and the namespaces of the simulated robots."""

    namespaces: tuple[str, ...] = option(("env_0",), "one simulated robot per namespace")
    publish_joint_target: bool = option(False, "also publish joint_target; in lockstep the client can compute it")
    publish_clock: bool = option(
        False, "also publish clock, the simulation's time; in real time it is always published"
    )


def simulated(config: SimNodeConfig) -> tuple[SafeRobot, RobotDescription]:
    """Make one robot of the node."""
    return make_robot(config), config.load_robot()


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    return serve_robots(
        "robot_sim", SimNodeConfig, simulated, arguments, lambda config: config.publish_clock or config.realtime
    )


if __name__ == "__main__":
    sys.exit(main())
