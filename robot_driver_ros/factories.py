"""Factory of a simulated body; its function imports the simulator only when called."""

from __future__ import annotations

from robot_interface_ros.config import from_mapping
from robot_interface_ros.robot import Robot
from robot_interface_ros.robot_config import load_robot


def simulated_body(robot: str, groups: tuple[str, ...], posture: str, control_hz: float) -> Robot:
    """Return a simulated robot without own limits, as the body of mock or emulated boards."""
    from robot_sim_ros.pybullet_robot import PyBulletRobot
    from robot_sim_ros.sim_config import SimConfig

    physics_hz = control_hz * max(1, round(240.0 / control_hz))
    config = from_mapping(SimConfig, {"robot": robot, "control_hz": control_hz, "physics_hz": physics_hz}, "body")
    return PyBulletRobot(load_robot(robot, groups, posture), config)
