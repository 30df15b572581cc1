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


def test_the_mouse_drags_the_target_along_one_axis(browser: Any) -> None:
    with serving(18580) as served:
        page = opened(browser, served.page.address)
        expect(page.get_by_text("in real time, holding")).to_be_visible(timeout=LONG_MS)
        size = page.locator("canvas").first.bounding_box()
        served.until(lambda: served.page._scene is not None and served.page._scene._handle.visible, page)
        page.wait_for_timeout(1500)  # until the handle is drawn
        before = np.array(served.robot.view.target_position)
        for length in (0.10, 0.12, 0.08, 0.14):  # the handle's size on the screen depends on the browser
            arrow = before + np.array([0.0, 0.0, length])
            page.mouse.move(*pixel(served, arrow, size))
            page.wait_for_timeout(300)
            page.mouse.down()
            for i in range(1, 9):
                page.mouse.move(*pixel(served, arrow + np.array([0.0, 0.0, 0.0125 * i]), size))
                page.wait_for_timeout(60)
            page.mouse.up()
            page.wait_for_timeout(500)
            if served.asked("target"):
                break
        moved = np.array(served.until(lambda: served.asked("target"), page)[-1][1]) - before
        assert 0.05 < moved[2] < 0.2, moved
        assert np.abs(moved[:2]).max() < 0.03, moved
        page.close()
