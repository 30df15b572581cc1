"""Numbers read from and written into serialised messages: the same as rclpy's own way, for usual and unusual messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from geometry_msgs.msg import PoseStamped
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import JointState

from robot_interface_ros.ros.transport import messages, wire
from robot_interface_ros.ros.transport.messages import JointStateWriter, PoseWriter

pytestmark = pytest.mark.ros
NAMES = ("shoulder", "elbow", "r_wrist_roll_joint")
STAMP = 1_700_000_000_123_456_789
ROWS = tuple(np.random.default_rng(0).normal(size=(3, 3)))


def state(stamp: int = STAMP, rows: Any = ROWS, names: Any = NAMES, frame: str = "") -> bytes:
    return bytes(serialize_message(JointStateWriter(names, frame).write(stamp, *rows)))


def test_a_serialised_writer_gives_the_bytes_of_the_message() -> None:
    writer = wire.SerialWriter(JointStateWriter(NAMES), 3, 3, 3)
    for k in range(3):
        rows = [row + k for row in ROWS]
        data = writer.write(STAMP + k, *rows)
        assert isinstance(data, bytes)
        assert deserialize_message(data, JointState) == deserialize_message(state(STAMP + k, rows), JointState)
    pose = wire.SerialWriter(PoseWriter("env_0/base_link"), 3).write(STAMP, ROWS[0])
    assert deserialize_message(pose, PoseStamped) == PoseWriter("env_0/base_link").write(STAMP, ROWS[0])
    with pytest.raises(ValueError, match=r"expected \(3,\) float64"):
        writer.write(STAMP, ROWS[0][:2], ROWS[1], ROWS[2])


def test_a_reader_gives_the_same_rows_fast_and_in_general() -> None:
    reader = wire.joint_state_reader(NAMES)
    for k in range(3):
        assert (reader._layout is not None) == (k > 0)  # the first message shows where they lie
        rows = reader.read(state(rows=[row * k for row in ROWS]))
        assert all(np.array_equal(row, expected * k) for row, expected in zip(rows, ROWS))
        rows[0][:] = 0.0  # nobody else's memory
    assert wire.stamp_ns(state()) == STAMP


@pytest.mark.parametrize("first", ["usual", "unusual"])
def test_what_looks_otherwise_goes_the_general_way(first: str) -> None:
    order = (2, 0, 1)
    shuffled = state(rows=[row[list(order)] for row in ROWS], names=[NAMES[i] for i in order])
    unusual = [
        shuffled,
        state(frame="env_0/base_link"),
        state(rows=[np.append(row, 9.0) for row in ROWS], names=[*NAMES, "another"]),
    ]
    reader = wire.joint_state_reader(NAMES)
    for data in [state(), *unusual, state()] if first == "usual" else [*unusual, state(), *unusual]:
        for row, expected in zip(reader.read(data), ROWS):
            np.testing.assert_array_equal(row, expected)
    for row, expected in zip(reader.read(state(rows=ROWS[:1])), (ROWS[0], np.zeros(3), np.zeros(3))):
        np.testing.assert_array_equal(row, expected)
    with pytest.raises(messages.MessageError, match="lacks a joint"):
        reader.read(state(names=("shoulder", "elbow", "r_wrist_roll_joins")))


def test_a_joint_target_is_read_with_and_without_what_it_need_not_have() -> None:
    reader, order = wire.joint_target_reader(NAMES), (2, 0, 1)
    usual = bytes(serialize_message(JointStateWriter(NAMES).write(STAMP, ROWS[0])))
    shuffled = state(rows=[ROWS[0][list(order)]], names=[NAMES[i] for i in order])
    for data in (state(), usual, shuffled, usual):  # the first has velocities and efforts
        np.testing.assert_array_equal(reader.read(data)[0], ROWS[0])
    assert reader._layout is not None  # from the first usual one on


def test_poses_and_commands_are_read_alike() -> None:
    reader = wire.pose_reader()
    message = PoseWriter("base_link").write(STAMP, ROWS[1])
    for orientation in (1.0, 0.5, 1.0):
        message.pose.orientation.w = orientation
        np.testing.assert_array_equal(reader.read(bytes(serialize_message(message)))[0], ROWS[1])
    commands = wire.CommandReader()
    for names, row in ((NAMES, ROWS[0]), (NAMES, ROWS[1]), (NAMES[:2], ROWS[2][:2]), (NAMES, ROWS[2])):
        data = bytes(serialize_message(JointStateWriter(names).write(STAMP, row)))
        command = commands.read(data)
        assert (command.stamp, command.names) == (STAMP, names)
        np.testing.assert_array_equal(command.position, row)
    question = bytes(serialize_message(JointState()))
    assert (commands.read(question).stamp, commands.read(question).names) == (0, ())
