"""Decide when buttons are pressed, and which one comes next. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from robot_sim_ros.world.kinds import Button


class Panel:
    """A row of buttons that must be pressed one after the other, again and again.

    A button becomes pressed when the robot pushes its plunger beyond `pressed_at` of its travel. It stays pressed until
    the plunger has come back to `released_at`. So a trembling hand presses it only once.
    """

    def __init__(self, config: Button):
        self._down, self._up = config.pressed_at * config.travel, config.released_at * config.travel
        self.pressed = [False] * config.count
        self.presses = 0
        """Number of presses in the right order in this episode."""

    @property
    def next(self) -> int:
        """Index of the button to press next."""
        return self.presses % len(self.pressed)

    def restart(self) -> None:
        """Begin an episode: no button is pressed."""
        self.pressed = [False] * len(self.pressed)
        self.presses = 0

    def update(self, depths: Sequence[float], touched: Sequence[bool]) -> None:
        """Update the state; `depths`: how far each plunger is pushed in, m; `touched`: whether the robot touches it."""
        next_button = self.next
        for k, (depth, touch) in enumerate(zip(depths, touched)):
            if self.pressed[k]:
                self.pressed[k] = depth > self._up
            elif touch and depth > self._down:
                self.pressed[k] = True
                self.presses += k == next_button
