"""Serialised messages of the robot contract -> arrays, for messages from unknown sources. No ROS here."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.bags.cdr import CdrReader
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.files.untrusted_files import one_line
from robot_interface_ros.robot import Array

LARGEST_SIDE = 16_384
"""Largest width or height of an image, pixels."""
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "8UC1": 1}
_MODES = ("RGB", "RGBA", "L", "P")
"""Of Pillow; depth, which has 16 bits, is none of them."""


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
    """Read stamp and pixels of an Image as rgb `(height, width, 3)` uint8; may share memory with `data`.

    Encodings: those of `_CHANNELS`; a fourth channel (alpha) is left out. Raises BagError for others.
    """
    reader = CdrReader(data)
    stamp, _ = reader.header()
    height, width = reader.count(), reader.count()
    encoding = reader.text()
    reader.take("B")  # the order of bytes: each channel has one
    step = reader.count()
    pixels = reader.raw()
    channels = _CHANNELS.get(encoding)
    if channels is None:
        raise BagError(f"an image's encoding is '{encoding[:20]}'; {', '.join(_CHANNELS)} are read")
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise BagError(f"an image declares {width}x{height} pixels")
    if step < channels * width or len(pixels) != step * height:
        raise BagError(f"an image of {width}x{height} {encoding} with step {step} has {len(pixels):,} bytes")
    rows = np.frombuffer(pixels, np.uint8).reshape(height, step)[:, : channels * width].reshape(height, width, channels)
    if channels == 1:
        return stamp, np.repeat(rows, 3, axis=2)
    return stamp, rows[..., 2::-1] if encoding.startswith("bgr") else rows[..., :3]


def compressed_image(data: bytes) -> tuple[int, NDArray[np.uint8]]:
    """Read stamp and pixels of a CompressedImage, JPEG or PNG, as rgb `(height, width, 3)` uint8. Raises BagError for others.

    Its `format` is not looked at: publishers differ in what they write there, and the data say what they are.
    """
    from PIL import Image  # here: it is needed for compressed images alone

    reader = CdrReader(data)
    stamp, _ = reader.header()
    reader.text()
    packed = bytes(reader.raw())
    try:
        with Image.open(io.BytesIO(packed), formats=("JPEG", "PNG")) as picture:
            width, height = picture.size
            if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
                raise BagError(f"an image declares {width}x{height} pixels")
            if picture.mode not in _MODES:
                raise BagError(f"a compressed image is of mode {picture.mode}; {', '.join(_MODES)} are read")
            return stamp, np.asarray(picture.convert("RGB"))
    except BagError:
        raise
    except Exception as error:  # of damaged data Pillow raises nearly anything
        raise BagError(f"a compressed image is no JPEG or PNG, or damaged: {one_line(error)}") from None


def values_by_name(message: Joints) -> dict[str, Any]:
    """Return name -> position of a JointState."""
    return dict(zip(message.names, message.position.tolist()))
