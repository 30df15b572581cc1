"""The page's protocols of a robot and of a trainer; `ros/` has both over topics. No ROS here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from robot_interface_ros.robot import Array
from robot_page_ros.view import RobotView


class WatchedRobot(Protocol):
    """A robot that is only looked at; `ros/robot_watch.py` has it over topics."""

    view: RobotView

    def take(self) -> None:
        """Take what has arrived."""

    def close(self) -> None:
        """Leave."""


class RobotRequests(WatchedRobot, Protocol):
    """The robot that the page operates; `ros/robot_link.py` has it over topics."""

    def enable(self, motion: bool, answered: Callable[[bool, str], None]) -> None:
        """Allow motion."""

    def reset(self, answered: Callable[[bool, str], None]) -> None:
        """Move to rest."""

    def command(self, goals: Mapping[str, float]) -> str:
        """Command joints; return why it is refused, or an empty text."""

    def let_go(self) -> None:
        """Command nothing any more."""

    def request_target(self, position: Array) -> None:
        """Ask for another target."""

    @property
    def takes_target(self) -> bool:
        """Whether the target can be put elsewhere."""


class StopRequests(Protocol):
    """The emergency stop of all robots of the page; `ros/emergency_stops.py` has it over topics."""

    def stop_all(self) -> None:
        """Stop every robot; may be called from any thread."""

    def forget(self, namespace: str) -> None:
        """Let this robot not find the stop after a restart."""


class TrainerRequests(Protocol):
    """The trainer that the page controls; `ros/trainer_link.py` has it over topics."""

    said: str
    newest: dict[str, float]
    curves: dict[str, tuple[list[float], list[float]]]

    def take(self) -> None:
        """Take what has arrived."""

    def call(self, name: str, answered: Callable[[bool, str], None], data: bool = False) -> None:
        """Pause, save or stop."""

    def close(self) -> None:
        """Leave."""
