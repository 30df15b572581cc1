"""Serialised messages of the robot contract -> arrays, for messages from unknown sources. No ROS here."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.bags.cdr import CdrReader
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.robot import Array

LARGEST_SIDE = 16_384
"""Largest width or height of an image, pixels."""


class Joints(NamedTuple):
    """A JointState."""

    stamp: int
    frame_id: str
    names: tuple[str, ...]
    position: Array
    velocity: Array
    """Empty if it is not measured."""


def joints(data: bytes) -> Joints:
    """Read a JointState. Raises BagError for names and positions of different length."""
    reader = CdrReader(data)
    stamp, frame_id = reader.header()
    names, position = reader.texts(), reader.floats()
    if len(names) != len(position):
        raise BagError(f"a JointState has {len(names)} names and {len(position)} positions")
    return Joints(stamp, frame_id, names, position, reader.floats())


def position(data: bytes) -> tuple[int, Array]:
    """Read stamp and position of a PoseStamped, `(3,)` m."""
    reader = CdrReader(data)
    stamp, _ = reader.header()
    return stamp, reader.floats(3)


def wrench(data: bytes) -> tuple[int, Array]:
    """Read stamp, force and torque of a WrenchStamped, `(6,)`."""
    reader = CdrReader(data)
    stamp, _ = reader.header()
    return stamp, reader.floats(6)


def text(data: bytes) -> str:
    """Read a String."""
    return CdrReader(data).text()


def image(data: bytes) -> tuple[int, NDArray[np.uint8]]:
    """Read stamp and pixels of an rgb8, bgr8 or mono8 Image as rgb `(height, width, 3)` uint8; may share memory with `data`."""
    reader = CdrReader(data)
    stamp, _ = reader.header()
    height, width = reader.count(), reader.count()
    encoding = reader.text()
    reader.take("B")
    step = reader.count()
    pixels = reader.raw()
    channels = {"rgb8": 3, "bgr8": 3, "mono8": 1}.get(encoding)
    if channels is None:
        raise BagError(f"an image's encoding is '{encoding[:20]}'; rgb8, bgr8 and mono8 are read")
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise BagError(f"an image declares {width}x{height} pixels")
    if step < channels * width or len(pixels) != step * height:
        raise BagError(f"an image of {width}x{height} {encoding} with step {step} has {len(pixels):,} bytes")
    rows = np.frombuffer(pixels, np.uint8).reshape(height, step)[:, : channels * width].reshape(height, width, channels)
    if encoding == "bgr8":
        rows = rows[..., ::-1]
    return stamp, rows if channels == 3 else np.repeat(rows, 3, axis=2)


def values_by_name(message: Joints) -> dict[str, Any]:
    """Return name -> position of a JointState."""
    return dict(zip(message.names, message.position.tolist()))
