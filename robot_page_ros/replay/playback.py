"""Which moment of a recording is shown: plays, pauses, jumps. No clock of its own."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SPEEDS = {"1/4": 0.25, "1/2": 0.5, "1": 1.0, "2": 2.0, "4": 4.0}
_HELD_S = 0.4
"""While a person drags the slider, nothing plays."""


class Playback:
    """Seconds since the beginning of a recording; `now` is of a steady clock, s."""

    def __init__(self, duration_s: float):
        self.duration_s = duration_s
        self.at_s = 0.0
        self.playing = False
        self.speed = 1.0
        self._last: float | None = None
        self._held_until = 0.0

    def play(self, playing: bool) -> None:
        """Play or pause; a recording at its end begins anew."""
        if playing and self.at_s >= self.duration_s:
            self.at_s = 0.0
        self.playing, self._last = playing, None

    def seek(self, at_s: float, now: float) -> None:
        """Show another moment."""
        self.at_s = min(self.duration_s, max(0.0, at_s))
        self._held_until, self._last = now + _HELD_S, None

    def turn(self, now: float) -> float:
        """Return the moment to show now; at the end of the recording it pauses."""
        if self.playing and now >= self._held_until:
            if self._last is not None:
                self.at_s = min(self.duration_s, self.at_s + self.speed * (now - self._last))
            self._last = now
            self.playing = self.at_s < self.duration_s
        return self.at_s


def neighbour(stamps: Sequence[int], stamp: int, step: int) -> int:
    """Return the stamp that lies `step` places after `stamp` in a sorted sequence that has it; the first or last at an end."""
    return stamps[min(len(stamps) - 1, max(0, bisect_left(stamps, stamp) + step))]
