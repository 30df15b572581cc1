"""When a client's periods end, in real time: a little after the robot's ticks have arrived. No ROS here.

Two clocks of the same rate beat: a client whose periods end just when the robot's messages come would see one tick twice and
the next one never. So the ends are kept a fifth of a period behind the arrivals, by a small correction every step.
"""

from __future__ import annotations

import math

_BEHIND = 0.2  # periods: longer than ticks and messages usually vary, short beside the age that it adds
_CORRECTION = 0.02  # periods a step at most: drifting clocks need far less, single late messages must not count


class StepPeriod:
    """Times in s by one steady clock. `arrived`: when the newest message came that a tick of the robot published."""

    def __init__(self, period_s: float):
        self._period_s = period_s
        self.due = 0.0
        """When the running period ends."""
        self.overruns = 0
        """Periods that were over before they began: whoever commands came late."""

    def restart(self, arrived: float) -> None:
        """Begin anew: the period before the first ends with this arrival."""
        self.due = arrived + _BEHIND * self._period_s

    def begin(self, now: float, arrived: float) -> None:
        """A command was sent: the next period begins. One that would be over already is a whole one from now, and more."""
        self.due += self._period_s
        if self.due <= now:
            self.overruns += 1
            first = arrived + _BEHIND * self._period_s
            self.due = first + math.ceil((now + self._period_s - first) / self._period_s) * self._period_s

    def ended(self, arrived: float) -> None:
        """The period is over: move the next ends towards their place behind the arrivals."""
        behind = (self.due - arrived) / self._period_s - _BEHIND
        off = behind - round(behind)  # which tick it was does not matter
        self.due -= min(max(off, -_CORRECTION), _CORRECTION) * self._period_s
