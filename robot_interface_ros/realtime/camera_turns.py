"""When cameras are rendered in real time: in the gap between two ticks, one at a time, where somebody looks. No ROS here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from robot_interface_ros.realtime.ticker import Clock

Views = tuple[Mapping[str, Any], Mapping[str, Any]]


class Renders(Protocol):
    """A robot that renders on demand."""

    def render_images(self, names: Iterable[str]) -> Views:
        """Return images and depths by camera, of the world as it is now."""


class CameraTurns:
    """Chooses the camera that renders next, so that no tick comes late that need not.

    A camera gets a turn when it is due and its last rendering took no longer than what is left of the period. One that
    takes longer than a whole period can only make the tick after it late: it gets the beginning of one.
    """

    def __init__(self, period_ns: int, camera_hz: float = 0.0, clock: Clock = time.monotonic_ns):
        """`period_ns`: of the control rate; `camera_hz`: most pictures a second of each camera, 0: one at every tick."""
        self._period_ns, self._clock = period_ns, clock
        self._interval = round(1e9 / camera_hz) if camera_hz else 0
        self._due: dict[str, int] = {}
        self._took: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    def choose(self, watched: Iterable[str], stamp: int, left_ns: int) -> str | None:
        """Return the camera to render now, of the observation with this stamp; None: none is due, or none fits."""
        now = self._clock()
        due = [name for name in watched if self._seen.get(name) != stamp and self._due.get(name, 0) <= now]
        fitting = [name for name in due if self._took.get(name, 0) <= left_ns or left_ns > 0.8 * self._period_ns]
        return min(fitting, key=lambda name: self._due.get(name, 0), default=None)

    def rendered(self, camera: str, stamp: int, took_ns: int) -> None:
        """Note a rendering; the next of this camera is due an interval after this one was."""
        now = self._clock()
        self._seen[camera], self._took[camera] = stamp, took_ns
        due = self._due.get(camera, now) + self._interval
        self._due[camera] = due if due > now - self._interval else now + self._interval

    def too_slow(self) -> dict[str, float]:
        """Cameras that take longer than a period, and how long, s: their pictures make ticks late."""
        return {name: took * 1e-9 for name, took in self._took.items() if took > self._period_ns}
