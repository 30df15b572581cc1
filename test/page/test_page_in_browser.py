"""The page in headless Chromium: what a person sees and presses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("viser")
from helpers.browsers import LONG_MS, opened, sync_api

expect = sync_api.expect

pytestmark = [pytest.mark.ros, pytest.mark.page]
JOINT = "r_elbow_flex_joint"


def test_a_person_stops_moves_and_watches_the_robot(browser: Any, simulator: Callable, start: Callable) -> None:
    robot = simulator(realtime=True, cameras="[external]")
    node = start("robot_page_ros.ros.page_node", port=18280, end_effector="r_palm")
    address = node.wait_for("page: open").split("page: open ")[1].split(" ")[0]
    page = opened(browser, address)
    expect(page.get_by_text("in real time, holding")).to_be_visible(timeout=LONG_MS)

    page.get_by_role("tab", name="Move").click()
    box = page.locator("div", has=page.get_by_text(JOINT, exact=True)).locator("input").last
    box.fill("-1.0")
    box.press("Enter")
    expect(page.get_by_text("has the controls")).to_be_visible(timeout=LONG_MS)

    page.get_by_role("button", name="EMERGENCY STOP").click()
    robot.wait_for("motion stopped")
    expect(page.get_by_text("STOPPED")).to_be_visible(timeout=LONG_MS)
    page.get_by_role("button", name="Allow motion").click()
    robot.wait_for("motion enabled")

    page.get_by_role("tab", name="Cameras").click()
    expect(page.get_by_text("external", exact=True)).to_be_visible(timeout=LONG_MS)
    page.get_by_role("tab", name="Streams").click()
    expect(page.get_by_text("joint_target", exact=True)).to_be_visible(timeout=LONG_MS)
    page.close()
