"""One camera of the simulated world: a pose and a pinhole model in, pixels and depths out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.cameras import CameraConfig, Pinhole, focal_length, optical_frame
from robot_interface_ros.urdf.kinematics import Pose, Vector3
from robot_sim_ros.imperfection.look import Look

NEAR_M, FAR_M = 0.03, 10.0
"""What is drawn, along the optical axis. An eye's own ball, 18 mm about its frame, stays nearer."""
_SETTLED = 4
"""Pictures after which every normal of a shape is in its cycle."""
_WHITE = np.uint32(0xFFFFFFFF)
_NOTHING = np.float32(1.0 - 1e-6)  # z-buffer beyond which nothing was drawn: 9.997 m

Rgb = NDArray[np.uint8]
Depth = NDArray[np.float32]
Render = Callable[..., tuple[Any, ...]]


LIGHT: Vector3 = (1.0, -0.6, 1.6)
"""Where the light comes from, seen from the middle of the world."""
AMBIENT = 0.6
"""Share of light that comes from everywhere; PyBullet's own choice."""
AS_DESCRIBED = Look()


class Camera:
    """Draws `(height, width, 3)` uint8 rgb and `(height, width)` float32 depth, of one size.

    `still`, where given, draws what never moves in the robot's root frame, and `moving` the rest. While the camera stands
    still too, that part of its picture is drawn once and kept; the nearer of both wins, pixel by pixel, as it does in
    one picture of everything.
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
        """`size`: width and height, pixels; `depth`: whether depths are wanted, for the model alone: they cost nothing."""
        width, height = size
        # TinyRenderer's samples lie at whole pixels: the axis meets the picture half a pixel right of its middle and
        # half above it. The EGL plugin's projection is shifted by as much, so that both draw one camera.
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
        """Draw the world as it is now, the optical frame at `pose` in it; depths as in a z-buffer, see `metres`.

        `turn`: see Renderer. What never moves is drawn in turn 0, whenever that is.
        """
        view = list(look.view_of(self._name, view_matrix(pose)))
        rgba, depth = self._moving(self.model, view, look, turn)
        if self._still is not None:
            still_rgba, still_depth = self._still_part(view, look)
            nearer = depth < still_depth
            rgba, depth = np.where(nearer, rgba, still_rgba), np.where(nearer, depth, still_depth)
        return _rgb(rgba), depth

    def forget(self) -> None:
        """Draw what never moves again: its colours have changed."""
        self._kept = None

    def _still_part(self, view: list[float], look: Look) -> tuple[NDArray[np.uint32], Depth]:
        kept = self._kept
        if kept is None or kept[0] != view or kept[1] != look:
            assert self._still is not None
            kept = self._kept = (view, look, *self._still(self.model, view, look))
        return kept[2], kept[3]


class Renderer:
    """Draws one PyBullet world. Nothing else may draw that world, since pictures are counted here.

    At every picture TinyRenderer normalises the normals of all shapes in place, in float32 (`Model::normal` of Bullet's
    examples/TinyRenderer/model.cpp). For a seventh of all vectors that has no fixed point but a cycle of two, so a
    picture and the next one of the same world may differ, by one level in single pixels. Here a picture is a function of
    the world and of `turn`, 0 or 1: where the number of pictures drawn before does not fit the turn, one of a single
    pixel is drawn first. The very first pictures are of a single pixel too, until every normal has reached its cycle.
    """

    def __init__(self, client: Any, kind: str):
        """`kind`: "tiny" or "egl", which must have been loaded into `client` before anything was."""
        self._render: Render = client.getCameraImage  # BulletClient looks functions up by reflection: once is enough
        self._egl = kind == "egl"
        self._renderer = client.ER_BULLET_HARDWARE_OPENGL if self._egl else client.ER_TINY_RENDERER
        self._flags = client.ER_NO_SEGMENTATION_MASK
        self._drawn = 0

    def __call__(
        self, model: Pinhole, view: list[float], look: Look, turn: int = 0
    ) -> tuple[NDArray[np.uint32], Depth]:
        """Return `(height, width)` uint32, the bytes of rgba, and the z-buffer."""
        width, height = model.width, model.height
        projection = projection_matrix(model, half_pixel=self._egl)
        while not self._egl and (self._drawn < _SETTLED or self._drawn % 2 != turn):
            self._draw(1, 1, view, projection, look)
        _, _, rgba, depth, _ = self._draw(width, height, view, projection, look)
        # Arrays already, unless PyBullet was compiled without numpy.
        rgba = np.ascontiguousarray(rgba, dtype=np.uint8).reshape(height, width, 4).view(np.uint32)[:, :, 0]
        depth = np.asarray(depth, dtype=np.float32).reshape(height, width)
        if self._egl:  # its background is lilac
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
    """Turn a z-buffer into m along the optical axis; +inf where nothing was drawn (REP 118)."""
    distance = FAR_M * NEAR_M / (FAR_M - (FAR_M - NEAR_M) * depth)
    return np.where(depth >= _NOTHING, np.float32(np.inf), distance).astype(np.float32, copy=False)


def view_matrix(pose: Pose) -> list[float]:
    """OpenGL's view matrix of an optical frame at `pose`, column by column: OpenGL has y up and looks along -z."""
    (r0, d0, f0, r1, d1, f1, r2, d2, f2), (x, y, z) = pose
    along = (r0 * x + r1 * y + r2 * z, d0 * x + d1 * y + d2 * z, f0 * x + f1 * y + f2 * z)
    return [r0, -d0, -f0, 0.0, r1, -d1, -f1, 0.0, r2, -d2, -f2, 0.0, -along[0], along[1], along[2], 1.0]


def projection_matrix(model: Pinhole, half_pixel: bool) -> list[float]:
    """OpenGL's projection matrix, column by column; `half_pixel`: for a renderer whose samples lie in pixels' middles."""
    tangent = 0.5 * model.height / model.focal
    scale, aspect = 1.0 / tangent, model.width / model.height
    right, down = (1.0 / model.width, -1.0 / model.height) if half_pixel else (0.0, 0.0)
    sum_, difference = -(FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2.0 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    return [scale / aspect, 0, 0, 0, 0, scale, 0, 0, -right, down, sum_, -1.0, 0, 0, difference, 0]


def _rgb(rgba: NDArray[np.uint32]) -> Rgb:
    """Leave alpha out; plane by plane takes a quarter of the time that a slice of rgba does."""
    height, width = rgba.shape
    source = np.ascontiguousarray(rgba).view(np.uint8).reshape(height, width, 4)
    rgb = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        rgb[:, :, channel] = source[:, :, channel]
    return rgb
