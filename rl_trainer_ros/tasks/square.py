"""Square: move along the edges of a square."""

from __future__ import annotations

from rl_trainer_ros.tasks.plane import RADIUS, CurveTask
from robot_interface_ros.robot import Array


def square_error(x: float, y: float) -> float:
    """Return |p| - r with the maximum norm: 0 on the square's edges."""
    return max(abs(x), abs(y)) - RADIUS


class Square(CurveTask):
    """
    | item | definition |
    |---|---|
    | reward | as in circular, with e = max(abs(x), abs(y)) - 0.6125 |
    | everything else | as in circular |
    """

    summary = "in the arena: move along the edges of a square"

    def error(self, hand: Array) -> float:
        """See CurveTask."""
        return square_error(*hand.tolist())
