"""One camera of the simulated world: computes an image and depths from a pose and a pinhole model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.cameras import CameraConfig, Pinhole, focal_length, optical_frame
from robot_interface_ros.urdf.kinematics import Pose, Vector3
from robot_sim_ros.imperfection.look import Look

NEAR_M, FAR_M = 0.03, 10.0
"""Nearest and farthest distance that is rendered, along the optical axis. InMoov's eyeball (18 mm around the eye's
frame) is nearer, and so is not rendered."""
_SETTLED = 4
"""Number of images after which every normal of a shape is in its cycle (see Renderer)."""
_WHITE = np.uint32(0xFFFFFFFF)
_NOTHING = np.float32(1.0 - 1e-6)  # z-buffer values above this are background: 9.997 m

Rgb = NDArray[np.uint8]
Depth = NDArray[np.float32]
Render = Callable[..., tuple[Any, ...]]


LIGHT: Vector3 = (1.0, -0.6, 1.6)
"""Direction towards the light, from the middle of the world."""
AMBIENT = 0.6
"""Share of ambient light; PyBullet's default."""
AS_DESCRIBED = Look()


class Camera:
    """Renders `(height, width, 3)` uint8 rgb and `(height, width)` float32 depth, in one size.

    If `still` is given, it renders the parts that never move in the robot's root frame, and `moving` renders the rest.
    While the camera does not move either, the image of the static parts is rendered once and kept. Each pixel shows the
    nearer of both parts, as one image of everything would.
    """

    def __init__(
        self,
        name: str,
        config: CameraConfig,
        size: tuple[int, int],
        moving: Renderer,
        still: Renderer | None = None,
        depth: bool = False,
    ):
        """`size`: width and height, pixels; `depth`: only noted in the model; depths are always computed, at no cost."""
        width, height = size
        # TinyRenderer samples at whole pixels: the optical axis meets the image half a pixel right of its middle and
        # half a pixel above it. The EGL plugin's projection is shifted by the same, so that both render the same camera.
        self.model = Pinhole(
            optical_frame(name, config),
            width,
            height,
            focal_length(config.fov_deg, height),
            (width / 2.0, height / 2.0 - 1.0),
            depth,
        )
        self._name, self._moving, self._still = name, moving, still
        self._kept: tuple[Any, Look, NDArray[np.uint32], Depth] | None = None

    def draw(self, pose: Pose, look: Look = AS_DESCRIBED, turn: int = 0) -> tuple[Rgb, Depth]:
        """Render the world as it is now, with the optical frame at `pose`. Depths are z-buffer values, see `metres`.

        `turn`: see Renderer. The static parts are always rendered with turn 0.
        """
        view = list(look.view_of(self._name, view_matrix(pose)))
        rgba, depth = self._moving(self.model, view, look, turn)
        if self._still is not None:
            still_rgba, still_depth = self._still_part(view, look)
            nearer = depth < still_depth
            rgba, depth = np.where(nearer, rgba, still_rgba), np.where(nearer, depth, still_depth)
        return _rgb(rgba), depth

    def forget(self) -> None:
        """Render the static parts anew at the next image, because their colours have changed."""
        self._kept = None

    def _still_part(self, view: list[float], look: Look) -> tuple[NDArray[np.uint32], Depth]:
        kept = self._kept
        if kept is None or kept[0] != view or kept[1] != look:
            assert self._still is not None
            kept = self._kept = (view, look, *self._still(self.model, view, look))
        return kept[2], kept[3]


class Renderer:
    """Renders one PyBullet world. Nothing else may render that world, since images are counted here.

    At every image TinyRenderer normalises the normals of all shapes in place, in float32 (`Model::normal` of Bullet's
    examples/TinyRenderer/model.cpp). For a seventh of all vectors this ends in a cycle of two values, not in a fixed
    point. So two successive images of the same world may differ, by one level in single pixels. Here an image depends
    only on the world and on `turn`, 0 or 1: if the number of images rendered before does not fit the turn, an image of
    one pixel is rendered first. The first images have one pixel too, until every normal has reached its cycle.
    """

    def __init__(self, client: Any, kind: str):
        """`kind`: "tiny" or "egl". The EGL plugin must be loaded into `client` before any body is."""
        self._render: Render = client.getCameraImage  # BulletClient looks functions up by reflection: do it once
        self._egl = kind == "egl"
        self._renderer = client.ER_BULLET_HARDWARE_OPENGL if self._egl else client.ER_TINY_RENDERER
        self._flags = client.ER_NO_SEGMENTATION_MASK
        self._drawn = 0

    def __call__(
        self, model: Pinhole, view: list[float], look: Look, turn: int = 0
    ) -> tuple[NDArray[np.uint32], Depth]:
        """Return `(height, width)` uint32 with the bytes of rgba, and the z-buffer, `(height, width)` float32."""
        width, height = model.width, model.height
        projection = projection_matrix(model, half_pixel=self._egl)
        while not self._egl and (self._drawn < _SETTLED or self._drawn % 2 != turn):
            self._draw(1, 1, view, projection, look)
        _, _, rgba, depth, _ = self._draw(width, height, view, projection, look)
        # These are arrays already, unless PyBullet was compiled without numpy.
        rgba = np.ascontiguousarray(rgba, dtype=np.uint8).reshape(height, width, 4).view(np.uint32)[:, :, 0]
        depth = np.asarray(depth, dtype=np.float32).reshape(height, width)
        if self._egl:  # EGL's background is lilac
            rgba = np.where(depth >= _NOTHING, _WHITE, rgba)
        return rgba, depth

    def _draw(self, width: int, height: int, view: list[float], projection: list[float], look: Look) -> tuple[Any, ...]:
        self._drawn += 1
        return self._render(
            width,
            height,
            view,
            projection,
            lightDirection=look.light_from(LIGHT),
            lightColor=[look.light_intensity] * 3,
            lightAmbientCoeff=AMBIENT * look.light_intensity,
            shadow=0,
            renderer=self._renderer,
            flags=self._flags,
        )


def metres(depth: Depth) -> Depth:
    """Convert a z-buffer to m along the optical axis; +inf for the background (REP 118)."""
    distance = FAR_M * NEAR_M / (FAR_M - (FAR_M - NEAR_M) * depth)
    return np.where(depth >= _NOTHING, np.float32(np.inf), distance).astype(np.float32, copy=False)


def view_matrix(pose: Pose) -> list[float]:
    """Return OpenGL's view matrix for an optical frame at `pose`, column by column. OpenGL has y up and looks along -z."""
    (r0, d0, f0, r1, d1, f1, r2, d2, f2), (x, y, z) = pose
    along = (r0 * x + r1 * y + r2 * z, d0 * x + d1 * y + d2 * z, f0 * x + f1 * y + f2 * z)
    return [r0, -d0, -f0, 0.0, r1, -d1, -f1, 0.0, r2, -d2, -f2, 0.0, -along[0], along[1], along[2], 1.0]


def projection_matrix(model: Pinhole, half_pixel: bool) -> list[float]:
    """Return OpenGL's projection matrix, column by column; `half_pixel`: for a renderer that samples at pixel centres."""
    tangent = 0.5 * model.height / model.focal
    scale, aspect = 1.0 / tangent, model.width / model.height
    right, down = (1.0 / model.width, -1.0 / model.height) if half_pixel else (0.0, 0.0)
    sum_, difference = -(FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2.0 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    return [scale / aspect, 0, 0, 0, 0, scale, 0, 0, -right, down, sum_, -1.0, 0, 0, difference, 0]


def _rgb(rgba: NDArray[np.uint32]) -> Rgb:
    """Remove alpha. Copying one channel at a time takes a quarter of the time of a slice of rgba."""
    height, width = rgba.shape
    source = np.ascontiguousarray(rgba).view(np.uint8).reshape(height, width, 4)
    rgb = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        rgb[:, :, channel] = source[:, :, channel]
    return rgb
