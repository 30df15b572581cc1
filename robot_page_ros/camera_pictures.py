"""Shows each camera's newest image, not more often than asked, and its frustum in the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import viser
from numpy.typing import NDArray

from robot_page_ros.drawing.scene import RobotScene
from robot_page_ros.markup import note
from robot_page_ros.view import RobotView

_NARROWEST = 192
"""Narrower images are enlarged on the panel, pixels."""


def enlarged(image: NDArray[Any]) -> NDArray[Any]:
    """Return a small image `(height, width, 3)` with each pixel as a square of several."""
    times = -(-_NARROWEST // image.shape[1])
    return image if times <= 1 else image.repeat(times, axis=0).repeat(times, axis=1)


class PictureTab:
    """The tab of a panel that has every camera's newest picture."""

    def __init__(self, gui: viser.GuiApi, none: str):
        """`none`: text of the tab while there is no picture. Call it within the context of the tab."""
        self._gui = gui
        self._pictures: dict[str, Any] = {}
        self._none = gui.add_html(note(none))
        self._folder = gui.add_folder("Pictures", expand_by_default=True, visible=False)

    def show(self, name: str, image: NDArray[Any]) -> None:
        """Show a camera's newest picture, `(height, width, 3)` uint8."""
        if name in self._pictures:
            self._pictures[name].image = enlarged(image)
            return
        self._none.visible, self._folder.visible = False, True
        with self._folder:
            self._pictures[name] = self._gui.add_image(enlarged(image), label=name, format="jpeg", jpeg_quality=85)

    def clear(self) -> None:
        """Remove all pictures."""
        for picture in self._pictures.values():
            picture.remove()
        self._pictures = {}
        self._none.visible, self._folder.visible = True, False


class CameraPictures:
    """Of one page."""

    def __init__(self, server: viser.ViserServer, show: Callable[[str, Any], None], rate_hz: float):
        """`show(camera, image)`: shows an image, `(height, width, 3)` uint8, on the panel."""
        self._server, self._show, self._period_s = server, show, 1.0 / rate_hz
        self._shown: dict[str, float] = {}
        self._frustums: dict[str, Any] = {}

    def show(self, view: RobotView, now: float, scene: RobotScene | None) -> None:
        """Show the images that are new. `now`: s of a steady clock."""
        for name, camera in view.cameras.items():
            last = self._shown.get(name, 0.0)
            new = view.arrived.get(f"camera {name}", 0.0) > last and now - last >= self._period_s
            if camera.image is None or not new:
                continue
            self._shown[name] = now
            self._show(name, camera.image)
            path = scene.camera_path(camera.frame) if scene is not None else ""
            if path and name not in self._frustums:
                height, width = camera.image.shape[:2]
                self._frustums[name] = self._server.scene.add_camera_frustum(
                    f"{path}/camera_{name}", camera.fov_y_rad, width / height, scale=0.12, color=(60, 90, 140)
                )

    def forget(self) -> None:
        """Show all images anew; the frustums were removed with their robot."""
        self._frustums, self._shown = {}, {}
