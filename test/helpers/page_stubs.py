"""A robot and a trainer for the page that only remember what they were asked. No ROS here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from robot_interface_ros.robot_config import load_robot
from robot_page_ros.view import RobotView

INMOOV = load_robot("inmoov")


class StubRobot:
    """Remembers what it was asked."""

    def __init__(self, describe: Callable[[str], None]) -> None:
        self.view, self.asked = RobotView(), []
        self.asked: list[Any]
        self.takes_target = True
        self.refuses = ""
        rest = dict(zip(INMOOV.model.joint_names, np.zeros(len(INMOOV.model.joint_names))))
        rest.update(zip(INMOOV.joint_names, INMOOV.rest))
        self.view.position, self.view.target = rest, dict(zip(INMOOV.joint_names, INMOOV.rest.tolist()))
        self.view.state, self.view.motion_enabled = "holding", True
        self.view.target_position = np.array([0.3, -0.3, 1.2])
        self.view.arrived["joint_states"] = time.monotonic()
        describe(INMOOV.urdf)

    def take(self) -> None:
        pass

    def enable(self, motion: bool, answered: Any) -> None:
        self.asked.append(("enable", motion))
        answered(True, "motion enabled")

    def reset(self, answered: Any) -> None:
        self.asked.append("reset")

    def command(self, goals: Mapping[str, float]) -> str:
        self.asked.append(dict(goals))
        return self.refuses

    def let_go(self) -> None:
        self.asked.append("let go")

    def request_target(self, position: Any) -> None:
        self.asked.append(("target", tuple(position)))

    def close(self) -> None:
        self.asked.append("closed")


class StubStops:
    """Passes stops on to a list."""

    def __init__(self, stopped: Callable[[str], None]) -> None:
        self._stopped = stopped

    def stop_all(self) -> None:
        self._stopped("stop")

    def forget(self, namespace: str) -> None:
        self._stopped(f"forget {namespace}")


class StubTrainer:
    said, newest, curves = "collecting, 5 of 10 steps", {"steps": 5.0}, {}
    called: list[Any]

    def __init__(self) -> None:
        self.called = []

    def take(self) -> None:
        pass

    def call(self, name: str, answered: Any, data: bool = False) -> None:
        self.called.append((name, data))

    def close(self) -> None:
        pass
