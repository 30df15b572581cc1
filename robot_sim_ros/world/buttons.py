"""When buttons are pressed, and which one comes next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from robot_sim_ros.world.kinds import Button


class Panel:
    """A row of buttons that are to be pressed in turn, over and over.

    A button is pressed from the moment that the robot has pushed its plunger beyond `pressed_at` of its travel until it
    has come back to `released_at`; between the two it stays what it was, so that a trembling hand presses once.
    """

    def __init__(self, config: Button):
        self._down, self._up = config.pressed_at * config.travel, config.released_at * config.travel
        self.pressed = [False] * config.count
        self.presses = 0
        """How often the button whose turn it was has been pressed in this episode."""

    @property
    def next(self) -> int:
        """The button whose turn it is."""
        return self.presses % len(self.pressed)

    def restart(self) -> None:
        """Begin an episode: nothing is pressed."""
        self.pressed = [False] * len(self.pressed)
        self.presses = 0

    def update(self, depths: Sequence[float], touched: Sequence[bool]) -> None:
        """`depths`: how far each plunger is in, m; `touched`: whether the robot touches it."""
        turn = self.next
        for k, (depth, touch) in enumerate(zip(depths, touched)):
            if self.pressed[k]:
                self.pressed[k] = depth > self._up
            elif touch and depth > self._down:
                self.pressed[k] = True
                self.presses += k == turn
