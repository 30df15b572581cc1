"""Messages <-> arrays."""

from __future__ import annotations

import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from robot_interface_ros.ros.transport import messages

pytestmark = pytest.mark.ros
NAMES = ("a", "b", "c")
STAMP = 1_795_350_934_050_000_000


def joint_state(
    names: list[str], position: list[float], velocity: Sequence[float] = (), effort: Sequence[float] = ()
) -> Any:
    return JointState(name=names, position=position, velocity=velocity, effort=effort)


def test_joints_are_reordered_by_name_and_others_left_out() -> None:
    message = joint_state(["c", "x", "a", "b"], [3.0, 9.0, 1.0, 2.0], [0.3, 0.9, 0.1, 0.2], [30.0, 90.0, 10.0, 20.0])
    position, velocity, effort = messages.joint_state_to_arrays(message, NAMES)
    np.testing.assert_array_equal(position, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(velocity, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(effort, [10.0, 20.0, 30.0])


def test_missing_velocities_and_efforts_are_zero() -> None:
    _, velocity, effort = messages.joint_state_to_arrays(joint_state(["a", "b", "c"], [1.0, 2.0, 3.0]), NAMES)
    np.testing.assert_array_equal([velocity, effort], np.zeros((2, 3)))


@pytest.mark.bad_input
def test_bad_joint_states_are_named() -> None:
    with pytest.raises(
        messages.MessageError, match="lacks a joint: unknown joint 'c'; known: a, b; start the robot with"
    ):
        messages.joint_state_to_arrays(joint_state(["a", "b"], [1.0, 2.0]), NAMES)
    with pytest.raises(messages.MessageError, match="3 names but 2 entries of position"):
        messages.joint_state_to_arrays(joint_state(["a", "b", "c"], [1.0, 2.0]), NAMES)
    with pytest.raises(messages.MessageError, match="3 names but 1 entries of effort"):
        messages.joint_state_to_arrays(joint_state(["a", "b", "c"], [1.0, 2.0, 3.0], [], [1.0]), NAMES)


def test_numbers_survive_bit_by_bit() -> None:
    generator = np.random.default_rng(0)
    values = [generator.normal(size=3) * 10.0 ** generator.integers(-300, 300) for _ in range(3)]
    writer = messages.JointStateWriter(NAMES)
    message = writer.write(STAMP, values[0], values[1], values[2])
    assert messages.stamp_ns(message) == STAMP
    for sent, received in zip(values, messages.joint_state_to_arrays(message, NAMES)):
        assert sent.tobytes() == received.tobytes()
    command = messages.command_from_message(messages.JointStateWriter(NAMES).write(STAMP, values[0]))
    assert (command.stamp, command.names, command.position.tobytes()) == (STAMP, NAMES, values[0].tobytes())
    pose = messages.PoseWriter("env_0/base_link").write(STAMP, values[1])
    assert messages.pose_position(pose).tobytes() == values[1].tobytes()
    assert (messages.stamp_ns(pose), pose.header.frame_id, pose.pose.orientation.w) == (STAMP, "env_0/base_link", 1.0)
    state = messages.srl_state_writer(3, "autoencoder-1").write(STAMP, values[2])
    assert messages.srl_state_array(state).tobytes() == values[2].tobytes()
    assert (list(state.name), state.header.frame_id) == (["state_0", "state_1", "state_2"], "autoencoder-1")
    assert messages.stamp_ns(writer.write(STAMP + 1, values[0])) == STAMP + 1


def test_images_keep_their_pixels_with_and_without_row_padding() -> None:
    image = np.random.default_rng(0).integers(256, size=(5, 7, 3), dtype=np.uint8)
    message = messages.image_message(STAMP, image, "env_0/camera")
    assert (message.height, message.width, message.step, message.encoding) == (5, 7, 21, "rgb8")
    np.testing.assert_array_equal(messages.image_array(message), image)
    padded = np.concatenate([image.reshape(5, 21), np.full((5, 3), 99, dtype=np.uint8)], axis=1)
    message = Image(height=5, width=7, step=24, encoding="rgb8", data=array.array("B", padded.tobytes()))
    np.testing.assert_array_equal(messages.image_array(message), image)


@pytest.mark.bad_input
def test_bad_images_are_named() -> None:
    with pytest.raises(messages.MessageError, match="encoding is 'mono8'; expected rgb8"):
        messages.image_array(Image(height=1, width=1, step=1, encoding="mono8", data=array.array("B", b"x")))
    with pytest.raises(messages.MessageError, match="image of 2x2 rgb8 with step 6 has 11 bytes; expected 12"):
        messages.image_array(Image(height=2, width=2, step=6, encoding="rgb8", data=array.array("B", bytes(11))))


def test_an_episode_says_what_was_drawn() -> None:
    drawn = {"backlash": {"a": 0.1 + 0.2}, "command_delay": 2, "light_turn": [0.1, -0.2]}
    assert messages.episode_record(messages.episode_message(STAMP, 7, drawn)) == (STAMP, drawn)


@pytest.mark.bad_input
@pytest.mark.parametrize("text", ["", "hello", "{}", "[1]", '{"stamp": "x", "drawn": {}}', '{"stamp": 1, "drawn": 5}'])
def test_an_episode_that_is_something_else_is_named(text: str) -> None:
    with pytest.raises(messages.MessageError, match="expected JSON with stamp, seed and drawn"):
        messages.episode_record(String(data=text))
