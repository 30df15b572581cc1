"""Names of the topics and services of the robot contract, relative to a robot's namespace. No ROS here."""

from __future__ import annotations

JOINT_STATES = "joint_states"
JOINT_COMMAND = "joint_command"
JOINT_TARGET = "joint_target"
COMMAND_REJECTED = "command_rejected"
TARGET_POSE = "target_pose"
TARGET_REQUEST = "target_request"
"""Real time only: a position requested for the target; a robot that can move its target does so."""
SRL_STATE = "srl_state"
SRL_ENCODER = "srl_encoder"
"""Lockstep only: folder of the encoder that the SRL node is to use for this robot, from a trainer whose encoder learns."""
CONTACT = "contact"
WORLD_STATE = "world_state"
EPISODE = "episode"
BATCH = "batch"
"""A robot's place in the batches of its process: see robot_interface_ros/ros/transport/batch.py."""
BATCH_COMMANDS = "batch_commands"
BATCH_STATES = "batch_states"
CAMERA = "camera"
"""First part of the topics of every camera; the camera's name follows."""
RESET = "reset"
ENABLE = "enable"
EMERGENCY_STOP = "emergency_stop"
MOTION_ENABLED = "motion_enabled"
ROBOT_DESCRIPTION = "robot_description"
CLOCK = "clock"
DIAGNOSTICS = "/diagnostics"

OF_A_ROBOT = frozenset(
    {
        JOINT_STATES,
        JOINT_COMMAND,
        JOINT_TARGET,
        COMMAND_REJECTED,
        TARGET_POSE,
        TARGET_REQUEST,
        SRL_STATE,
        SRL_ENCODER,
        CONTACT,
        WORLD_STATE,
        EPISODE,
        BATCH,
        BATCH_COMMANDS,
        BATCH_STATES,
        RESET,
        ENABLE,
        EMERGENCY_STOP,
        MOTION_ENABLED,
        ROBOT_DESCRIPTION,
    }
)
"""Names that each robot has; two robots cannot share one of these topics."""
REQUIRED = (JOINT_STATES, JOINT_COMMAND, RESET, ENABLE, EMERGENCY_STOP, ROBOT_DESCRIPTION)
"""Names that every robot must serve; all other names are optional."""


def image_topic(camera: str) -> str:
    """Return the topic of a camera's images."""
    return f"{CAMERA}/{camera}/image_raw"


def depth_topic(camera: str) -> str:
    """Return the topic of a camera's depths."""
    return f"{CAMERA}/{camera}/depth/image_raw"


def camera_info_topic(camera: str) -> str:
    """Return the topic of a camera's intrinsics."""
    return f"{CAMERA}/{camera}/camera_info"


def absolute(namespace: str, name: str) -> str:
    """Return the absolute name of `name` in `namespace`, which begins with a slash."""
    return f"{namespace.rstrip('/')}/{name}"


def frame(namespace: str, name: str) -> str:
    """Return a frame_id: every frame carries its robot's namespace as a prefix, unless that is `/`."""
    return absolute(namespace, name).lstrip("/")
