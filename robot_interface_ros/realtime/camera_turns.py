"""Schedule of cameras in real time: one at a time, between two ticks, only if its topics have subscribers. No ROS here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from robot_interface_ros.realtime.ticker import Clock

Views = tuple[Mapping[str, Any], Mapping[str, Any]]


class Renders(Protocol):
    """A robot that renders on demand."""

    def render_images(self, names: Iterable[str]) -> Views:
        """Return images and depths of the current world, by camera."""


class CameraTurns:
    """Chooses the next camera to render, so that rendering delays as few ticks as possible.

    A camera is chosen when it is due and its last rendering took no longer than the rest of the period. A camera that
    takes longer than a whole period always delays a tick; it is rendered at the beginning of a period.
    """

    def __init__(self, period_ns: int, camera_hz: float = 0.0, clock: Clock = time.monotonic_ns):
        """`period_ns`: control period; `camera_hz`: largest rate of images of each camera, 0: one per tick."""
        self._period_ns, self._clock = period_ns, clock
        self._interval = round(1e9 / camera_hz) if camera_hz else 0
        self._due: dict[str, int] = {}
        self._took: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    def choose(self, watched: Iterable[str], stamp: int, left_ns: int) -> str | None:
        """Return the camera to render now, for the observation with this stamp; None if none is due or none fits."""
        now = self._clock()
        due = [name for name in watched if self._seen.get(name) != stamp and self._due.get(name, 0) <= now]
        fitting = [name for name in due if self._took.get(name, 0) <= left_ns or left_ns > 0.8 * self._period_ns]
        return min(fitting, key=lambda name: self._due.get(name, 0), default=None)

    def rendered(self, camera: str, stamp: int, took_ns: int) -> None:
        """Note a rendering; the next image of this camera is due one interval after this one was due."""
        now = self._clock()
        self._seen[camera], self._took[camera] = stamp, took_ns
        due = self._due.get(camera, now) + self._interval
        self._due[camera] = due if due > now - self._interval else now + self._interval

    def too_slow(self) -> dict[str, float]:
        """Return camera -> rendering time, s, for cameras that take longer than a period and so delay ticks."""
        return {name: took * 1e-9 for name, took in self._took.items() if took > self._period_ns}
