"""Observations and commands -> serialised messages, as a robot's nodes would publish them. No ROS here.

The same fields as `robot_interface_ros/ros/transport/messages.py` fills, in the same order; a test compares the bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.bags.cdr import CdrWriter, Template
from robot_interface_ros.cameras import Pinhole
from robot_interface_ros.robot import Array


class JointStates:
    """JointState messages with constant names: position and, if `fields` is 3, velocity and effort."""

    def __init__(self, names: Sequence[str], frame_id: str = "", fields: int = 1):
        """`fields`: 1: only position; 3: also velocity and effort."""
        n, writer = len(names), CdrWriter()
        writer.header(0, frame_id)
        writer.texts(names)
        begins = [writer.floats([0.0] * n) for _ in range(fields)]
        for _ in range(3 - fields):
            writer.floats([])
        self._template = Template(writer, [(begin, 8 * n) for begin in begins])

    def write(self, stamp: int, *rows: Array) -> bytes:
        """Return the message; rows of float64, each `(n,)`."""
        return self._template.fill(stamp, *(np.ascontiguousarray(row, dtype="<f8").tobytes() for row in rows))


class Poses:
    """PoseStamped messages: a position, m, without orientation."""

    def __init__(self, frame_id: str):
        writer = CdrWriter()
        writer.header(0, frame_id)
        begin = writer.put("d", *[0.0] * 6, 1.0)
        self._template = Template(writer, [(begin, 24)])

    def write(self, stamp: int, position: Array) -> bytes:
        """Return the message; `position`: `(3,)` m."""
        return self._template.fill(stamp, np.ascontiguousarray(position, dtype="<f8").tobytes())


class Wrenches:
    """WrenchStamped messages: force (N) and torque (N·m)."""

    def __init__(self, frame_id: str):
        writer = CdrWriter()
        writer.header(0, frame_id)
        begin = writer.put("d", *[0.0] * 6)
        self._template = Template(writer, [(begin, 48)])

    def write(self, stamp: int, contact: Array) -> bytes:
        """Return the message; `contact`: `(6,)`."""
        return self._template.fill(stamp, np.ascontiguousarray(contact, dtype="<f8").tobytes())


class Images:
    """Image messages of one size: rgb8 `(height, width, 3)` uint8, or 32FC1 `(height, width)` float32."""

    def __init__(self, frame_id: str, like: NDArray[Any]):
        """`like`: an image with the size and kind of all images."""
        depth = like.ndim == 2
        height, width = like.shape[:2]
        writer = CdrWriter()
        writer.header(0, frame_id)
        writer.put("I", height, width)
        writer.text("32FC1" if depth else "rgb8")
        writer.put("B", int(depth and sys.byteorder == "big"))
        writer.put("I", (4 if depth else 3) * width)
        size = (4 if depth else 3) * width * height
        self._dtype = np.float32 if depth else np.uint8
        self._template = Template(writer, [(writer.raw(bytes(size)), size)])

    def write(self, stamp: int, image: NDArray[Any]) -> bytes:
        """Return the message."""
        return self._template.fill(stamp, np.ascontiguousarray(image, dtype=self._dtype).tobytes())


class CameraInfos:
    """CameraInfo messages of one pinhole camera without distortion."""

    def __init__(self, camera: Pinhole, frame_id: str):
        (cx, cy), f = camera.centre, camera.focal
        writer = CdrWriter()
        writer.header(0, frame_id)
        writer.put("I", camera.height, camera.width)
        writer.text("plumb_bob")
        writer.floats([0.0] * 5)
        writer.put("d", f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0)
        writer.put("d", 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
        writer.put("d", f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0)
        writer.put("I", 0, 0, 0, 0, 0, 0)
        writer.put("B", 0)
        self._template = Template(writer)

    def write(self, stamp: int) -> bytes:
        """Return the message."""
        return self._template.fill(stamp)


def text_message(text: str) -> bytes:
    """Return a String message."""
    writer = CdrWriter()
    writer.text(text)
    return bytes(writer.data)


def bool_message(value: bool) -> bytes:
    """Return a Bool message."""
    writer = CdrWriter()
    writer.put("B", int(value))
    return bytes(writer.data)


def signals_row(signals: Mapping[str, float]) -> Array:
    """Return the values of a `world_state`, `(signals,)`, in the order of its names."""
    return np.array(list(signals.values()), dtype=np.float64)
