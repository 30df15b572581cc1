"""Transforms -> messages for /tf and /tf_static, with the robot's namespace before every frame."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped

from robot_interface_ros.ros.transport.contract import frame
from robot_interface_ros.ros.transport.messages import to_time
from robot_interface_ros.urdf.frames import Transform


def transform_messages(transforms: Iterable[Transform], namespace: str, stamp: int) -> list[TransformStamped]:
    """One message each; `stamp` in integer nanoseconds."""
    time = to_time(stamp)
    messages = []
    for transform in transforms:
        message = TransformStamped()
        message.header.stamp = time
        message.header.frame_id = frame(namespace, transform.parent)
        message.child_frame_id = frame(namespace, transform.child)
        place, turn = message.transform.translation, message.transform.rotation
        place.x, place.y, place.z = transform.xyz
        turn.x, turn.y, turn.z, turn.w = transform.quaternion
        messages.append(message)
    return messages
