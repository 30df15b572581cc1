"""Drives a simulated robot."""

from __future__ import annotations

import numpy as np

from robot_interface_ros.robot import Command, Observation, Robot


def drive(robot: Robot, observation: Observation, target: np.ndarray, steps: int) -> Observation:
    """Send a target, rad, for so many periods; return the last observation."""
    for _ in range(steps):
        robot.send(Command(observation.stamp, robot.joint_names, target))
        observation = robot.receive()
    return observation
