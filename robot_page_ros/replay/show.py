"""Reads a bag and serves its page until Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from robot_interface_ros.config import ConfigError, from_mapping
from robot_page_ros.page_config import PageConfig
from robot_page_ros.replay.recording import load


def show(bag: Path, settings: Mapping[str, Any], urdf: str, end_effector: str, note: Callable[[str], None]) -> int:
    """Show a recorded bag; return the exit code. Raises ConfigError, one line, where nothing can be shown.

    `settings`: of PageConfig; `urdf`, `end_effector`: for a bag without them.
    """
    config = from_mapping(PageConfig, dict(settings), "replay")
    try:
        from robot_page_ros.replay.replay_page import ReplayPage
    except ImportError as error:
        raise ConfigError(f"the page needs {error.name}: pip install 'viser>=1.1,<2'") from None
    robots = load(bag, urdf, end_effector, note)
    with contextlib.closing(ReplayPage(config, bag.resolve().name, robots)) as page:
        stopped = threading.Event()

        def stop(number: int, frame: Any) -> None:
            stopped.set()
            page.woken.set()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        told = sum(len(robot.episodes) for robot in robots.values())
        print(f"{told:,} episodes of {len(robots)} robot{'s' if len(robots) > 1 else ''}; Ctrl-C ends the replay")
        print(f"page: open {page.address} in a browser", flush=True)
        try:
            while not stopped.is_set():
                page.woken.wait(1.0 / config.rate_hz)
                page.woken.clear()
                page.turn()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return 0
