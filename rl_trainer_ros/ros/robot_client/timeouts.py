"""Timeouts for a robot over topics, and the likely causes in their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robot_interface_ros.config import option
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros_environment import discovery_words


@dataclass(frozen=True)
class Timeouts:
    """Longest waiting times, s. Every wait has one of them."""

    start_timeout_s: float = option(
        60.0, "for the robot's topics and services, and for a reset", minimum=0.1, maximum=3600.0
    )
    optional_timeout_s: float = option(
        5.0, "after a robot was found, for its optional parts: target_pose, parameters", minimum=0.0, maximum=60.0
    )
    needed_timeout_s: float = option(
        10.0, "after a robot was found, for a stream that task or observation needs", minimum=0.0, maximum=3600.0
    )
    answer_timeout_s: float = option(
        30.0, "for the answer to a command; covers a restart of the simulator", minimum=0.05, maximum=3600.0
    )
    repeat_after_s: float = option(
        0.5, "before a command or a reset without an answer is repeated", minimum=0.001, maximum=60.0
    )


def likely_cause(missing: Sequence[str]) -> str:
    """Return the likely cause when these topics or services are missing, as a hint for users."""
    if all(name.endswith(contract.JOINT_TARGET) for name in missing):
        return "a robot in lockstep does not publish it: start the robot with realtime:=true"
    if all(name.endswith(contract.SRL_STATE) for name in missing):
        return (
            f"is srl_node running for that namespace ({discovery_words()}), and does it get images of all its cameras? "
            "/diagnostics tells"
        )
    if all(f"/{contract.CAMERA}/" in f"/{name}" for name in missing):
        return "does the robot serve these cameras? Start the simulator with cameras:=[...] and camera_depth:=true"
    if all(name.endswith((contract.CONTACT, contract.WORLD_STATE)) for name in missing):
        return "does the simulator have the world of the task (world:=...), and contact:=true if contact is needed?"
    return (
        f"is robot_sim_node (or your robot's driver) running in that namespace and ROS_DOMAIN_ID? ({discovery_words()})"
    )
