"""How the messages of each stream are read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sensor_msgs.msg import JointState

from rl_trainer_ros.ros.robot_client.camera_parts import CameraParts
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array
from robot_interface_ros.ros.transport import contract, messages, wire
from robot_interface_ros.ros.transport.refused import shortened

RAW = (contract.JOINT_STATES, contract.TARGET_POSE)
"""Streams whose messages are read in their serialised form."""


def stream_readers(
    namespace: str, joint_names: tuple[str, ...], cameras: CameraParts, encoder_id: str | None
) -> dict[str, Callable[[Any], Any]]:
    """Return stream -> function from its message to what an observation holds of it.

    Each raises RobotError for a message that is not what the contract asks for, UnreadableMessage for bytes that are none.
    """
    states, poses = wire.joint_state_reader(joint_names), wire.pose_reader()
    return {
        contract.JOINT_STATES: lambda message: _measured(*states.read(message)),
        contract.TARGET_POSE: lambda message: poses.read(message)[0],
        contract.JOINT_TARGET: lambda message: messages.joint_state_to_arrays(message, joint_names)[0],
        contract.SRL_STATE: partial(_srl_state, namespace, encoder_id),
        contract.CONTACT: messages.wrench_array,
        contract.WORLD_STATE: messages.signals_by_name,
        **{topic: partial(cameras.read, topic) for topic in cameras.kinds},
    }


def _measured(position: Array, velocity: Array, effort: Array) -> tuple[Array, Array, Array]:
    """Velocities or efforts that are all NaN were not measured (ros2_control's way to say so): zero, as where they lack."""
    for row in (velocity, effort):
        if len(row) and row[0] != row[0] and np.isnan(row).all():
            row[:] = 0.0
    return position, velocity, effort


def _srl_state(namespace: str, encoder_id: str | None, message: JointState) -> Array:
    if message.header.frame_id != encoder_id:
        raise RobotError(
            f"{namespace}: states come from encoder {shortened(message.header.frame_id)}, but "
            f"{encoder_id} was asked for, and states of different encoders mean different things. Start the SRL "
            "node with the same srl_folder"
        )
    return messages.srl_state_array(message)
