"""Images of the usual encodings as red, green and blue. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CHANNELS: dict[str, list[int]] = {
    "rgb8": [0, 1, 2],
    "bgr8": [2, 1, 0],
    "rgba8": [0, 1, 2, 3],
    "bgra8": [2, 1, 0, 3],
    "mono8": [0],
}
"""Encoding of sensor_msgs/Image -> where red, green and blue (and what follows them) lie in a pixel."""


def as_rgb(data: bytes, encoding: str, height: int, width: int, step: int = 0) -> NDArray[np.uint8] | None:
    """Return an image `(height, width, 3)` uint8; None for another encoding or data of another length.

    `step`: bytes of a row, which may end with padding; 0: without.
    """
    channels = _CHANNELS.get(encoding)
    if channels is None:
        return None
    used = width * len(channels)
    step = step or used
    if step < used or len(data) != height * step:
        return None
    pixels = np.frombuffer(data, np.uint8).reshape(height, step)[:, :used].reshape(height, width, len(channels))
    return pixels[:, :, (channels * 3)[:3]]
