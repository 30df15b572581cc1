"""Common code of the scripts that make docs/pictures: views of a simulated robot, labels, rows of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SUPERSAMPLING = 3
Place = tuple[float, float, float]


def view(robot: Any, eye: Place, look_at: Place, fov_deg: float, width: int, height: int) -> Image.Image:
    """Render the world of a simulated robot from `eye` (m, root frame), at a higher resolution, and smooth it."""
    client, wide, high = robot._client, width * SUPERSAMPLING, height * SUPERSAMPLING
    seen = client.computeViewMatrix(eye, look_at, (0.0, 0.0, 1.0))
    projection = client.computeProjectionMatrixFOV(fov_deg, wide / high, 0.05, 10.0)
    rgba = client.getCameraImage(wide, high, seen, projection, lightDirection=(1.5, -1.0, 2.0))[2]
    pixels = np.asarray(rgba, dtype=np.uint8).reshape(high, wide, 4)[:, :, :3]
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)


def labelled(picture: Image.Image, text: str, size: int = 16) -> Image.Image:
    """Return the picture with a text in its upper left corner."""
    ImageDraw.Draw(picture).text((8, 6), text, fill=(40, 40, 40), font=ImageFont.load_default(size=size))
    return picture


def mosaic(pictures: list[Image.Image], columns: int) -> Image.Image:
    """Arrange pictures of the same size in rows."""
    rows = [pictures[k : k + columns] for k in range(0, len(pictures), columns)]
    return Image.fromarray(np.vstack([np.hstack([np.asarray(picture) for picture in row]) for row in rows]))
