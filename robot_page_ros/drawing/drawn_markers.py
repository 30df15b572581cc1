"""Lines, spheres and points in viser's scene, which are changed in place.

A shape that is made anew at each update costs the browser a compiled material and leaves garbage; so a name keeps its shape
as long as its kind stays the same, and only what differs is sent. Texts are not drawn in the scene: viser measures each text of
a label on a hidden canvas, and Chromium keeps every text that such a canvas has measured. `texts` has them for the panel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import viser
from numpy.typing import NDArray

from robot_interface_ros.robot import Array
from robot_page_ros.view import DrawnMarker

Colours = NDArray[np.uint8]
_MOST_POINTS = 20_000
_MOST_LINES = 6  # of text


class DrawnMarkers:
    """The markers below one name of the scene."""

    def __init__(self, scene: viser.SceneApi, root: str):
        self._scene, self._root, self._made = scene, root, 0
        self._drawn: dict[str, tuple[str, int, Any]] = {}  # kind, hash of the content, and handle

    def show(self, markers: Mapping[str, DrawnMarker]) -> None:
        """Show these and no others. One that cannot be drawn (not finite, too few or too many points) is left out."""
        for name in [name for name in self._drawn if name not in markers]:
            self._remove(name)
        for name, marker in markers.items():
            self._draw(name, marker)

    def close(self) -> None:
        """Remove all of them."""
        self.show({})

    def _draw(self, name: str, marker: DrawnMarker) -> None:
        colours = b"" if marker.colours is None else marker.colours.tobytes()
        content = hash((marker.kind, marker.points.tobytes(), colours, marker.size, marker.colour, marker.text))
        kind, shown, handle = self._drawn.get(name, ("", 0, None))
        if (kind, shown) == (marker.kind, content):
            return
        if handle is not None and (kind != marker.kind or not _drawable(marker)):
            self._remove(name)
            handle = None
        if not _drawable(marker):
            return
        self._made += handle is None
        path = f"{self._root}/{self._made}"  # a name of ours: the marker's own may have any characters
        self._drawn[name] = marker.kind, content, _KINDS[marker.kind](self._scene, path, handle, marker)

    def _remove(self, name: str) -> None:
        self._drawn.pop(name)[2].remove()


def _drawable(marker: DrawnMarker) -> bool:
    least = 2 if marker.kind == "line_strip" else 1
    numbers = (marker.points, marker.size, marker.colour, () if marker.colours is None else marker.colours)
    return (
        marker.kind in _KINDS
        and least <= len(marker.points) <= _MOST_POINTS
        and all(np.isfinite(part).all() for part in numbers)
        and marker.size > 0.0
    )


def texts(markers: Mapping[str, DrawnMarker]) -> list[str]:
    """Return the lines of all text markers."""
    shown = [marker.text.splitlines() for marker in markers.values() if marker.kind == "text"]
    return [line for lines in shown for line in lines][:_MOST_LINES]


class DrawnArrow:
    """One arrow, such as a force."""

    def __init__(self, scene: viser.SceneApi, path: str):
        self._scene, self._path = scene, path
        self._handle: Any = None

    def show(self, begin: Array, end: Array) -> None:
        """Show it from `begin` to `end`, `(3,)` m each."""
        points = np.array([[begin, end]])
        if self._handle is None:
            self._handle = self._scene.add_arrows(
                self._path, points, (255, 120, 0), shaft_radius=0.004, head_radius=0.012, head_length=0.03
            )
            return
        self._handle.points = points
        self._handle.visible = True

    def hide(self) -> None:
        """Hide it."""
        if self._handle is not None:
            self._handle.visible = False


def _sphere(scene: viser.SceneApi, path: str, handle: Any, marker: DrawnMarker) -> Any:
    rgb, opacity = _rgb(marker), min(1.0, max(0.0, marker.colour[3]))
    if handle is None:
        return scene.add_icosphere(
            path, marker.size / 2, rgb, opacity=opacity, position=marker.points[0], cast_shadow=False
        )
    handle.radius, handle.color, handle.opacity, handle.position = marker.size / 2, rgb, opacity, marker.points[0]
    return handle


def _line_strip(scene: viser.SceneApi, path: str, handle: Any, marker: DrawnMarker) -> Any:
    points = np.stack([marker.points[:-1], marker.points[1:]], axis=1)
    each = _each(marker)
    colours = np.array(_rgb(marker), np.uint8) if each is None else np.stack([each[:-1], each[1:]], axis=1)
    if handle is None:
        return scene.add_line_segments(path, points, colours, thickness=marker.size)
    handle.points, handle.colors, handle.thickness = points, colours, marker.size
    return handle


def _points(scene: viser.SceneApi, path: str, handle: Any, marker: DrawnMarker) -> Any:
    each = _each(marker)
    colours = np.array(_rgb(marker), np.uint8) if each is None else each
    if handle is None:
        return scene.add_point_cloud(path, marker.points, colours, point_size=marker.size, point_shape="circle")
    handle.points, handle.colors, handle.point_size = marker.points, colours, marker.size
    return handle


_KINDS: dict[str, Callable[[viser.SceneApi, str, Any, DrawnMarker], Any]] = {
    "sphere": _sphere,
    "line_strip": _line_strip,
    "points": _points,
}


def _rgb(marker: DrawnMarker) -> tuple[int, int, int]:
    r, g, b = (round(255 * min(1.0, max(0.0, float(part)))) for part in marker.colour[:3])
    return r, g, b


def _each(marker: DrawnMarker) -> Colours | None:
    """The colour of each point, `(n, 3)`, where it has one."""
    if marker.colours is None or len(marker.colours) != len(marker.points):
        return None
    return np.round(255 * np.clip(marker.colours[:, :3], 0.0, 1.0)).astype(np.uint8)
