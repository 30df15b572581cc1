"""Quality of service of the robot contract, and its names (`robot_interface_ros/topics.py`)."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from robot_interface_ros.topics import BATCH as BATCH
from robot_interface_ros.topics import BATCH_COMMANDS as BATCH_COMMANDS
from robot_interface_ros.topics import BATCH_STATES as BATCH_STATES
from robot_interface_ros.topics import CAMERA as CAMERA
from robot_interface_ros.topics import CLOCK as CLOCK
from robot_interface_ros.topics import COMMAND_REJECTED as COMMAND_REJECTED
from robot_interface_ros.topics import CONTACT as CONTACT
from robot_interface_ros.topics import DIAGNOSTICS as DIAGNOSTICS
from robot_interface_ros.topics import EMERGENCY_STOP as EMERGENCY_STOP
from robot_interface_ros.topics import ENABLE as ENABLE
from robot_interface_ros.topics import EPISODE as EPISODE
from robot_interface_ros.topics import JOINT_COMMAND as JOINT_COMMAND
from robot_interface_ros.topics import JOINT_STATES as JOINT_STATES
from robot_interface_ros.topics import JOINT_TARGET as JOINT_TARGET
from robot_interface_ros.topics import MOTION_ENABLED as MOTION_ENABLED
from robot_interface_ros.topics import OF_A_ROBOT as OF_A_ROBOT
from robot_interface_ros.topics import REQUIRED as REQUIRED
from robot_interface_ros.topics import RESET as RESET
from robot_interface_ros.topics import ROBOT_DESCRIPTION as ROBOT_DESCRIPTION
from robot_interface_ros.topics import SRL_ENCODER as SRL_ENCODER
from robot_interface_ros.topics import SRL_STATE as SRL_STATE
from robot_interface_ros.topics import TARGET_POSE as TARGET_POSE
from robot_interface_ros.topics import TARGET_REQUEST as TARGET_REQUEST
from robot_interface_ros.topics import WORLD_STATE as WORLD_STATE
from robot_interface_ros.topics import absolute as absolute
from robot_interface_ros.topics import camera_info_topic as camera_info_topic
from robot_interface_ros.topics import depth_topic as depth_topic
from robot_interface_ros.topics import frame as frame
from robot_interface_ros.topics import image_topic as image_topic

PARAMETER_NODE = "robot"
"""Node in the robot's namespace that holds `episode.seed` and `episode.target`."""
EPISODE_SEED = "episode.seed"
EPISODE_TARGET = "episode.target"

RELIABLE = QoSProfile(depth=10, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Receives from every publisher, but may lose messages."""
LATCHED = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
