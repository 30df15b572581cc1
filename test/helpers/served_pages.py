"""A page that is served in process, with a robot that only remembers what it was asked; no ROS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from helpers.page_stubs import INMOOV, StubRobot, StubStops, StubTrainer

from robot_page_ros.page import Page
from robot_page_ros.page_config import PageConfig

WAIT_S = 240.0


class Served:
    """A page that has its turns, and its robot."""

    page: Page
    robot: StubRobot

    def __init__(self) -> None:
        self.stops: list[str] = []

    def asked(self, kind: str) -> list[Any]:
        """What the robot was asked of one kind, such as target."""
        return [one for one in list(self.robot.asked) if (one[0] if isinstance(one, tuple) else one) == kind]

    def until(self, condition: Callable[[], Any], browsers: Any) -> Any:
        """Wait for an event, while the browser runs."""
        deadline = time.monotonic() + WAIT_S
        while not (found := condition()):
            assert time.monotonic() < deadline, "what was awaited did not come"
            browsers.wait_for_timeout(50)
        return found


@contextmanager
def serving(port: int) -> Iterator[Served]:
    """Serve a page at this port."""
    served, ended = Served(), threading.Event()

    def connect(namespace: str, describe: Callable[[str], None]) -> StubRobot:
        served.robot = StubRobot(describe)
        return served.robot

    config = PageConfig(namespaces=("/env_0",), port=port, end_effector=INMOOV.config.end_effector)
    served.page = Page(config, connect, StubTrainer, StubStops(served.stops.append))  # type: ignore[arg-type]

    def turns() -> None:
        while not ended.is_set():
            served.page.woken.wait(0.05)
            served.page.woken.clear()
            robot = getattr(served, "robot", None)
            if robot is not None:
                robot.view.arrived["joint_states"] = time.monotonic()
            served.page.turn()

    thread = threading.Thread(target=turns)
    thread.start()
    try:
        yield served
    finally:
        ended.set()
        thread.join()
        served.page.close()
