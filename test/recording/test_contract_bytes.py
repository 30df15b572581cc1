"""The messages that a recording makes without ROS, held against those of rclpy, field by field and by their length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, String

from robot_interface_ros.bags import contract_messages, decoded
from robot_interface_ros.bags.cdr import exact
from robot_interface_ros.cameras import Pinhole
from robot_interface_ros.ros.transport import messages, wire

pytestmark = [pytest.mark.recording, pytest.mark.ros]
STAMP = 1_700_000_000_123_456_789
NAMES = ("a", "elbow_joint", "b2")
ROWS = [np.arange(3.0) * scale for scale in (1.0, -0.5, np.pi)]
RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
DEPTH = np.array([[1.5, np.inf, 0.25]], dtype=np.float32)
CAMERA = Pinhole("left_eye_frame", 64, 48, 58.5, (31.5, 23.5))


def pairs() -> dict[str, tuple[Any, bytes]]:
    """What a node publishes, and what a recording writes."""
    from geometry_msgs.msg import PoseStamped, WrenchStamped  # noqa: F401  their types are loaded

    ours = contract_messages
    return {
        "joint_states": (
            messages.JointStateWriter(NAMES).write(STAMP, *ROWS),
            ours.JointStates(NAMES, fields=3).write(STAMP, *ROWS),
        ),
        "joint_command": (
            messages.JointStateWriter(NAMES).write(STAMP, ROWS[2]),
            ours.JointStates(NAMES).write(STAMP, ROWS[2]),
        ),
        "world_state": (
            messages.SignalsWriter(("button_0",), "env_0/base").write(STAMP, {"button_0": 1.0}),
            ours.JointStates(("button_0",), "env_0/base").write(STAMP, np.ones(1)),
        ),
        "target_pose": (
            messages.PoseWriter("env_0/base").write(STAMP, ROWS[2]),
            ours.Poses("env_0/base").write(STAMP, ROWS[2]),
        ),
        "contact": (
            messages.WrenchWriter("env_0/base").write(STAMP, np.arange(6.0)),
            ours.Wrenches("env_0/base").write(STAMP, np.arange(6.0)),
        ),
        "image": (messages.image_message(STAMP, RGB, "cam"), ours.Images("cam", RGB).write(STAMP, RGB)),
        "depth": (messages.depth_message(STAMP, DEPTH, "camera"), ours.Images("camera", DEPTH).write(STAMP, DEPTH)),
        "camera_info": (
            messages.CameraInfoWriter(CAMERA, "env_0/eye").write(STAMP),
            ours.CameraInfos(CAMERA, "env_0/eye").write(STAMP),
        ),
        "robot_description": (String(data="<robot name='ä'/>"), ours.text_message("<robot name='ä'/>")),
        "motion_enabled": (Bool(data=True), ours.bool_message(True)),
    }


@pytest.mark.parametrize("name", pairs())
def test_a_message_is_the_one_that_a_node_publishes(name: str) -> None:
    theirs, data = pairs()[name]
    assert deserialize_message(data, type(theirs)) == theirs
    kind = f"{type(theirs).__module__.split('.')[0]}/msg/{type(theirs).__name__}"
    serialised = bytes(serialize_message(theirs))
    assert 0 <= len(exact(kind, serialised)) - len(data) < 4  # rclpy ends on a multiple of four bytes


READERS: dict[str, Callable[[bytes], Any]] = {
    "joint_states": lambda data: decoded.joints(data).position,
    "joint_command": lambda data: decoded.joints(data).position,
    "target_pose": lambda data: decoded.position(data)[1],
    "contact": lambda data: decoded.wrench(data)[1],
    "image": lambda data: decoded.image(data)[1],
}


@pytest.mark.parametrize("name", READERS)
def test_messages_of_rclpy_are_read(name: str) -> None:
    theirs, ours = pairs()[name]
    assert np.array_equal(READERS[name](bytes(serialize_message(theirs))), READERS[name](ours))


def test_bytes_of_big_endian_machines_are_read() -> None:
    little = pairs()["target_pose"][1]
    big = bytearray(little)
    big[1] = 0
    for begin, size in ((4, 4), (8, 4), (12, 4), *((at, 8) for at in range(28, len(little), 8))):
        big[begin : begin + size] = big[begin : begin + size][::-1]
    assert decoded.position(bytes(big))[0] == STAMP
    assert np.array_equal(decoded.position(bytes(big))[1], ROWS[2])


def test_a_joint_state_loses_what_rclpy_leaves_behind_it() -> None:
    message = JointState(name=list(NAMES), position=[1.0, 2.0, 3.0])
    serialised = bytes(serialize_message(message))
    assert exact("sensor_msgs/msg/JointState", serialised + b"????") == exact("sensor_msgs/msg/JointState", serialised)
    assert exact("sensor_msgs/msg/Image", b"any") == b"any"
    assert wire.stamp_ns(pairs()["image"][1]) == STAMP
    assert {Image, CameraInfo}
