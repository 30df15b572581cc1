"""A real mouse on the page in a real browser, with a robot that only remembers what it was asked; no ROS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("viser")
from helpers.browsers import LONG_MS, opened, sync_api
from helpers.served_pages import Served, serving

pytestmark = [pytest.mark.page, pytest.mark.timeout(600)]
expect = sync_api.expect


def pixel(served: Served, point: Any, size: dict[str, int]) -> tuple[float, float]:
    """Where the only viewer sees a point of the scene; `size`: of the canvas, from the browser."""
    (client,) = served.page.server.get_clients().values()
    camera = client.camera
    w, x, y, z = camera.wxyz
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    right, down, forward = turn.T @ (np.asarray(point) - camera.position)
    focal = size["height"] / 2 / np.tan(camera.fov / 2)
    return size["x"] + size["width"] / 2 + focal * right / forward, size["y"] + size[
        "height"
    ] / 2 + focal * down / forward


def drawn(page: Any) -> None:
    """Wait until the browser has drawn the scene with the last event of the mouse."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def moved(served: Served, before: Any) -> Any:
    """How far the robot was asked to move its target, (3,) m; the page asks again and again during a drag."""
    asked = served.asked("target")
    return np.array(asked[-1][1]) - before if asked else np.zeros(3)


def dragged(served: Served, before: Any, page: Any) -> bool:
    """Whether the robot was asked for a large part of the drag; false after a while, if the mouse did not hit the handle."""
    for _ in range(40):
        if moved(served, before)[2] > 0.05:
            return True
        page.wait_for_timeout(50)
    return False


def test_the_mouse_drags_the_target_along_one_axis(browser: Any) -> None:
    with serving(18580) as served:
        page = opened(browser, served.page.address)
        expect(page.get_by_text("in real time, holding")).to_be_visible(timeout=LONG_MS)
        size = page.locator("canvas").first.bounding_box()
        served.until(lambda: served.page._scene is not None and served.page._scene._handle.visible, page)
        before = np.array(served.robot.view.target_position)
        # the handle's size on the screen depends on the browser; a slow one may not have drawn it at the first try
        for length in 5 * (0.10, 0.12, 0.08, 0.14):
            arrow = before + np.array([0.0, 0.0, length])
            page.mouse.move(*pixel(served, arrow, size))
            drawn(page)
            page.mouse.down()
            for i in range(1, 9):
                page.mouse.move(*pixel(served, arrow + np.array([0.0, 0.0, 0.0125 * i]), size))
                drawn(page)
            page.mouse.up()
            drawn(page)
            if dragged(served, before, page):
                break
        change = moved(served, before)
        assert 0.05 < change[2] < 0.2, change
        assert np.abs(change[:2]).max() < 0.03, change
        page.close()
