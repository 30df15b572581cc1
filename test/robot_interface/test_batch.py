"""Batches: rows of numbers and stamps arrive exactly, and other messages are refused."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

pytest.importorskip("rclpy")
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Float64MultiArray, String

from rl_trainer_ros.ros.robot_client.batch import SharedBatch
from robot_interface_ros.ros.transport.batch import (
    BatchCodec,
    BatchPlace,
    command_columns,
    draw_number,
    row_of,
    state_columns,
)
from robot_interface_ros.ros.transport.messages import MessageError, UnreadableMessage

pytestmark = pytest.mark.ros
JOINTS = ("shoulder", "elbow")
STAMP = 1_790_000_000_123_456_789  # not exact in one float64


@pytest.mark.parametrize("robots", [1, 2, 16])
def test_rows_and_stamps_arrive_exactly(robots: int) -> None:
    columns = state_columns(JOINTS, contact=True, signals=("button_0", "presses"))
    values = np.random.default_rng(0).normal(size=(robots, len(columns) - 3))
    values[0, :3] = np.nan, -0.0, np.inf
    numbers = [draw_number() for _ in range(robots)]
    rows = [row_of(number, STAMP + i, row[:2], row[2:]) for i, (number, row) in enumerate(zip(numbers, values))]
    data = BatchCodec(columns).write(rows)
    reader = BatchCodec(columns)
    for _ in range(2):  # the first message gives the layout
        read = reader.read(data)
        assert [row[:2] for row in read] == [(number, STAMP + i) for i, number in enumerate(numbers)]
        assert b"".join(row[2].tobytes() for row in read) == values.tobytes()
        assert all(row[2].flags.writeable for row in read)
    message = deserialize_message(data, Float64MultiArray)
    assert [(axis.size, axis.label) for axis in message.layout.dim] == [
        (robots, "robots"),
        (len(columns), ", ".join(columns)),
    ]


def test_the_stamp_zero_and_a_message_of_another_writer_are_read() -> None:
    row = [7.0, 0.0, 0.0, 0.5, -0.5]
    read = BatchCodec(command_columns(JOINTS)).read(bytes(serialize_message(Float64MultiArray(data=row * 2))))
    assert [(robot, stamp, numbers.tolist()) for robot, stamp, numbers in read] == [(7, 0, [0.5, -0.5])] * 2


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\1\0\0", bytes(serialize_message(Float64MultiArray(data=[1.0] * 6)))],
    ids=["empty", "header", "another width"],  # a serialised message has padding of any bytes
)
def test_other_bytes_are_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        BatchCodec(command_columns(JOINTS)).read(data)


@pytest.mark.parametrize(
    "keys",
    [
        *((np.nan, 1.0, 2.0), (1.5, 1.0, 2.0), (1.0, np.inf, 2.0), (1.0, 1.0, 0.5)),
        *((1.0, 1e300, 0.0), (1.0, 2.0**31, 0.0), (1.0, -1.0, 0.0), (1.0, 1.0, 1e9), (1.0, 1.0, -1.0)),
    ],
)
def test_a_robot_or_a_stamp_that_cannot_be_is_unreadable(keys: tuple[float, ...]) -> None:
    with pytest.raises(UnreadableMessage, match="whole numbers"):
        BatchCodec(command_columns(JOINTS)).read(bytes(serialize_message(Float64MultiArray(data=[*keys, 0.0, 0.0]))))


def test_a_row_has_float64_only_and_as_many_as_there_are_columns() -> None:
    single = np.array([0.1, -0.5], dtype=np.float32)
    assert row_of(7, STAMP, single) == row_of(7, STAMP, single.astype(np.float64))
    with pytest.raises(ValueError, match="1 rows; expected 5 float64"):
        BatchCodec(command_columns(JOINTS)).write([row_of(7, STAMP, np.zeros(3))])


@pytest.mark.parametrize(
    ("world", "streams"),
    [
        ((), {"joint_states", "target_pose"}),
        ((True, ()), {"joint_states", "target_pose", "contact"}),
        ((False, ("button_0",)), {"joint_states", "target_pose", "world_state"}),
    ],
)
def test_a_place_is_read_as_it_was_published(world: tuple[Any, ...], streams: set[str]) -> None:
    place = BatchPlace(draw_number(), JOINTS, "/env_0/batch_commands", "/env_0/batch_states", *world)
    assert BatchPlace.of(place.message()) == place and set(place.streams) == streams


def test_a_place_without_world_has_joints_and_target_only() -> None:
    text = '{"robot": 1, "joints": ["elbow"], "commands": "/a", "states": "/b"}'
    assert BatchPlace.of(String(data=text)) == BatchPlace(1, ("elbow",), "/a", "/b")


def test_columns_are_named_in_the_order_of_the_contract() -> None:
    assert state_columns(("elbow",), True, ("presses",))[3:] == [
        *("position elbow", "velocity elbow", "effort elbow", "target x", "target y", "target z"),
        *("force x", "force y", "force z", "torque x", "torque y", "torque z", "signal presses"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "null", "{}", "[" * 100_000),
        '{"robot": "1", "joints": [], "commands": "/a", "states": "/b"}',
        '{"robot": 1, "joints": [2], "commands": "/a", "states": "/b"}',
        '{"robot": 1, "joints": [], "commands": "/a", "states": "/b", "signals": [1]}',
        '{"robot": 1, "joints": [], "commands": "/a", "states": "/b", "signals": 1}',
        '{"robot": 1, "joints": [], "commands": "/a", "states": "/b", "contact": "yes"}',
        *(
            f'{{"robot": 1, "joints": [], "commands": "/a", "states": "{name}"}}'
            for name in ("", "b", "/b c", "/1", "/b/", "/{b}", "/env_0/joint_states", "/a/batch")
        ),
    ],
)
def test_other_text_is_no_place(text: str) -> None:
    with pytest.raises(MessageError, match="expected JSON with robot, joints"):
        BatchPlace.of(String(data=text))


@pytest.mark.parametrize(
    ("robots", "parts"), [(1, [1]), (3, [1] * 3), (4, [1] * 4), (8, [2] * 4), (10, [3, 3, 3, 1]), (40, [10] * 4)]
)
def test_commands_are_sent_in_parts(robots: int, parts: list[int]) -> None:
    node, sent = Mock(), []
    node.create_publisher.return_value.publish = lambda data: sent.append(reader.read(data))
    reader = BatchCodec(command_columns(JOINTS))
    place = BatchPlace(0, JOINTS, "/env_0/batch_commands", "/env_0/batch_states")
    shared = SharedBatch(node, Mock(), place)
    for robot in range(robots):
        shared.join(robot, lambda stamp, row: None)
    rows = [row_of(robot, STAMP, np.array([0.5, -0.5])) for robot in range(robots)]
    for row in rows:
        shared.send(row)
    shared.flush()  # as before each wait
    assert [len(part) for part in sent] == parts
    assert b"".join(row_of(*row) for part in sent for row in part) == b"".join(rows)
