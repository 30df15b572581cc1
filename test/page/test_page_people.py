"""Two people at one page, and a page whose server restarts, in headless Chromium; the robot only remembers."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("viser")
from helpers.browsers import LONG_MS, opened, sync_api
from helpers.served_pages import Served, serving

from robot_page_ros.lease import Lease

pytestmark = [pytest.mark.page, pytest.mark.timeout(900)]
expect = sync_api.expect
LAST_JOINT = "r_wrist_roll_joint"
_LISTEN = """() => { window.told = ''
    new MutationObserver(changes => changes.forEach(change => change.addedNodes.forEach(node => {
        window.told += node.textContent }))).observe(document.body, {childList: true, subtree: true}) }"""


def shown(browser: Any, served: Served) -> Any:
    """A page of its own browser context, with the tab Move open."""
    page = opened(browser, served.page.address, 500, 400)
    expect(page.get_by_text("in real time, holding")).to_be_visible(timeout=LONG_MS)

    def moving() -> bool:  # the tab hears of a press only when it is drawn
        press(page.get_by_role("tab", name="Move"))
        return bool(page.get_by_text(LAST_JOINT, exact=True).is_visible())

    served.until(moving, page)
    return page


def press(control: Any) -> None:
    """Click by script: a click by the mouse waits until the browser has drawn twice, which takes minutes on a busy machine."""
    control.evaluate("one => one.click()")


def set_joint(page: Any, angle: str) -> None:
    box = page.locator("div", has=page.get_by_text(LAST_JOINT, exact=True)).locator("input").last
    box.fill(angle)
    box.press("Enter")


def angles(served: Served) -> set[float]:
    return {asked[LAST_JOINT] for asked in list(served.robot.asked) if isinstance(asked, dict)}


def test_one_of_two_people_moves_the_robot_and_both_can_stop_it(browser: Any) -> None:
    with serving(18680) as served:
        served.page._lease = Lease(clock=lambda: 0.0)  # nobody is ever idle
        first, second = shown(browser, served), shown(browser, served)
        second.evaluate(_LISTEN)
        set_joint(first, "-1.0")
        served.until(lambda: angles(served), first)
        set_joint(second, "-0.5")
        second.wait_for_function("() => window.told.includes('has the controls; it keeps them')", timeout=LONG_MS)
        assert angles(served) == {-1.0}

        for page in (first, second):
            served.stops.clear()
            box = page.get_by_role("button", name="EMERGENCY STOP").bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 400  # in reach, though the panel has scrolled
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.mouse.down()  # it stops before the button is let go
            served.until(lambda: "stop" in served.stops, page)
            page.mouse.up()
        first.context.close()
        second.context.close()


def test_a_page_without_its_server_says_so_moves_nothing_and_comes_back(browser: Any) -> None:
    with serving(18681) as served:
        page = shown(browser, served)
        lost = page.get_by_text("Connection lost.")
        expect(lost).to_be_hidden()
    expect(lost).to_be_visible(timeout=LONG_MS)
    assert lost.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(176, 0, 32)"
    reset = page.get_by_role("button", name="Reset to the rest pose")
    assert reset.evaluate("one => getComputedStyle(one).pointerEvents") == "none"  # a press reaches no control
    with serving(18681) as served:
        expect(lost).to_be_hidden(timeout=LONG_MS)
        press(page.get_by_role("button", name="EMERGENCY STOP"))
        served.until(lambda: "stop" in served.stops, page)
        assert angles(served) == set()
        page.context.close()
