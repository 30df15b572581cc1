"""Figures for `/diagnostics` of the states of one robot: counts, latencies, the last refusal. No ROS here."""

from __future__ import annotations

import enum
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

_REMEMBERED = 1000  # latencies for the statistics


class Level(enum.Enum):
    """How urgent a report is; the values are those of diagnostic_msgs/DiagnosticStatus."""

    OK = b"\x00"
    WARN = b"\x01"
    ERROR = b"\x02"


class StreamFigures:
    """Counts since the start, and latencies of the last 1000 states.

    The latency of a state is the time from the arrival of its first image to its publication. A frame is dropped if its moment
    is never encoded: an image of another camera did not come, or a newer moment was complete before it was its turn.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.encoded = self.repeated = self.dropped = self.refused = 0
        self._clock = clock
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._encodings: deque[float] = deque(maxlen=_REMEMBERED)
        self._refusal = ""
        self._reported_encoded = self._reported_dropped = 0
        self._reported_at = clock()

    def published(self, latency_s: float, encoding_s: float) -> None:
        """Count a new state; `encoding_s`: the encoder's time for it, its share of a batch."""
        self.encoded += 1
        self._latencies.append(latency_s)
        self._encodings.append(encoding_s)
        self._refusal = ""

    def refuse(self, reason: str) -> None:
        """Count images that cannot be encoded; the reason is reported until a state is published again."""
        self.refused += 1
        self._refusal = reason

    def report(self, missing: Sequence[str] = ()) -> tuple[Level, str, dict[str, object]]:
        """Return level, message and values of the time since the last report.

        `missing`: cameras whose images have not come, while those of others of the same moment have.
        """
        now = self._clock()
        passed = max(now - self._reported_at, 1e-9)
        fresh, lost = self.encoded - self._reported_encoded, self.dropped - self._reported_dropped
        self._reported_at, self._reported_encoded, self._reported_dropped = now, self.encoded, self.dropped
        if self._refusal:
            level, text = Level.ERROR, self._refusal
        elif lost or (missing and not fresh):
            level, text = Level.WARN, f"{lost} dropped frames since the last report" if lost else "no states"
            if missing and not fresh:
                text += f"; there are no images of {', '.join(missing)}"
        else:
            level, text = Level.OK, "encoding" if fresh else "waiting for images"
        return level, text, self._values(fresh / passed)

    def _values(self, rate_hz: float) -> dict[str, object]:
        values: dict[str, object] = {
            "states": self.encoded,
            "states sent again": self.repeated,
            "dropped frames": self.dropped,
            "refused images": self.refused,
            "rate (Hz)": rate_hz,
        }
        for name, times in (("latency", self._latencies), ("encoding", self._encodings)):
            if times:
                values[f"{name} median (ms)"] = 1e3 * float(np.median(times))
                values[f"{name} p99 (ms)"] = 1e3 * float(np.quantile(times, 0.99))
        return values
