"""Read the messages of each stream, including cameras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState

from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import NO_DEPTHS, NO_IMAGES, Array
from robot_interface_ros.ros.transport import contract, messages, wire
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.refused import shortened

RAW = (contract.JOINT_STATES, contract.JOINT_TARGET, contract.TARGET_POSE)
"""Streams whose messages are read in their serialised form."""


class CameraParts:
    """Reads images and depths of one robot, and checks that they have the size that the policy expects."""

    def __init__(
        self,
        namespace: str,
        cameras: tuple[str, ...] = (),
        depth_cameras: tuple[str, ...] = (),
        sizes: Mapping[str, tuple[int, int]] | None = None,
    ):
        """`sizes`: camera -> width and height, pixels; other cameras must keep the size of their first image."""
        self._namespace = namespace
        self._images = {camera: contract.image_topic(camera) for camera in cameras}
        self._depths = {camera: contract.depth_topic(camera) for camera in depth_cameras}
        self._sizes = dict(sizes or {})
        self._readers: dict[str, tuple[str, Callable[[Image], NDArray[Any]]]] = {
            **{topic: (camera, messages.image_array) for camera, topic in self._images.items()},
            **{topic: (camera, messages.depth_array) for camera, topic in self._depths.items()},
        }

    @property
    def kinds(self) -> dict[str, type]:
        """Topic -> type of message."""
        return dict.fromkeys((*self._images.values(), *self._depths.values()), Image)

    def images(self, parts: Mapping[str, Any]) -> Mapping[str, NDArray[np.uint8]]:
        """Camera -> `(height, width, 3)` uint8 rgb, from topic -> result of `read`."""
        return {camera: parts[topic] for camera, topic in self._images.items()} if self._images else NO_IMAGES

    def depths(self, parts: Mapping[str, Any]) -> Mapping[str, NDArray[np.float32]]:
        """Camera -> `(height, width)` float32, m along the optical axis, from topic -> result of `read`."""
        return {camera: parts[topic] for camera, topic in self._depths.items()} if self._depths else NO_DEPTHS

    def read(self, topic: str, message: Image) -> NDArray[Any]:
        """Return a message's image, `(height, width, 3)` uint8, or depths, `(height, width)` float32. Raises RobotError."""
        where = absolute(self._namespace, topic)
        camera, reader = self._readers[topic]
        width, height = self._sizes.get(camera, (message.width, message.height))
        if (message.width, message.height) != (width, height):
            raise RobotError(
                f"{where}: images of {message.width}x{message.height} pixels; expected {width}x{height}: "
                "start the robot with the image_width and image_height of this environment"
            )
        try:
            picture = reader(message)
        except messages.MessageError as error:
            raise RobotError(f"{where}: {error}") from None
        self._sizes[camera] = width, height
        return picture


def stream_readers(
    namespace: str, joint_names: tuple[str, ...], cameras: CameraParts, encoder: StatesOf
) -> dict[str, Callable[[Any], Any]]:
    """Return stream -> function from its message to the values of an observation.

    Each raises RobotError for a message that violates the contract, and UnreadableMessage for bytes that are not a message.
    """
    states, poses = wire.joint_state_reader(joint_names), wire.pose_reader()
    targets = wire.joint_target_reader(joint_names)
    return {
        # The numbers of a batch are read already.
        contract.JOINT_STATES: lambda message: _measured(
            *(states.read(message) if isinstance(message, bytes) else message)
        ),
        contract.TARGET_POSE: lambda message: poses.read(message)[0] if isinstance(message, bytes) else message,
        contract.JOINT_TARGET: lambda message: targets.read(message)[0],
        contract.SRL_STATE: partial(_srl_state, namespace, encoder),
        contract.CONTACT: lambda message: (
            message if isinstance(message, np.ndarray) else messages.wrench_array(message)
        ),
        contract.WORLD_STATE: lambda message: (
            message if isinstance(message, dict) else messages.signals_by_name(message)
        ),
        **{topic: partial(cameras.read, topic) for topic in cameras.kinds},
    }


def _measured(position: Array, velocity: Array, effort: Array) -> tuple[Array, Array, Array]:
    """Replace velocities or efforts that are all NaN by 0: ros2_control marks values that are not measured so."""
    for row in (velocity, effort):
        if len(row) and row[0] != row[0] and np.isnan(row).all():
            row[:] = 0.0
    return position, velocity, effort


@dataclass
class StatesOf:
    """The encoder whose states are read."""

    encoder_id: str | None
    changes: bool = False
    """Whether it is replaced by new ones during a training; then states of older ones may still come."""


class OtherEncoder(RobotError):
    """A state of another encoder than the one that is used."""


def _srl_state(namespace: str, encoder: StatesOf, message: JointState) -> Array:
    if message.header.frame_id == encoder.encoder_id:
        return messages.srl_state_array(message)
    text = (
        f"{namespace}: states come from encoder {shortened(message.header.frame_id)}, but this environment uses encoder "
        f"{encoder.encoder_id}, and states of different encoders mean different things."
    )
    if encoder.changes:
        raise OtherEncoder(f"{text} Can the SRL node read the folder of the run, which has the new encoder?")
    raise RobotError(f"{text} Start the SRL node with the same srl_folder")
