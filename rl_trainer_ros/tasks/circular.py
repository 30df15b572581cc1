"""Circular: move in a circle."""

from __future__ import annotations

import math

from rl_trainer_ros.tasks.plane import RADIUS, CurveTask
from robot_interface_ros.robot import Array


def circle_error(x: float, y: float) -> float:
    """Return |p| - r with the Euclidean norm: 0 on the circle."""
    return math.hypot(x, y) - RADIUS


class Circular(CurveTask):
    """
    | item | definition |
    |---|---|
    | target | the arena's middle |
    | reward | 10 (1 - e^2) m - 100 b |
    | good step | abs(e) < 0.15, m > 0.15, inside the arena |
    | success (`is_success`) | 100 good steps in the episode, and one turn about the middle |
    | terminated | never |
    | truncated | after 250 steps |
    | `info` | `distance` (m), `is_success`, `good_steps` so far, `bump` |

    e = |p| - 0.6125, where p is the hand's position relative to the middle, in the arena's units (half width 0.85). m: distance
    between the hand and its position 10 steps ago, in the same units; 1 in the first 10 steps. b: 1 outside the arena, else 0.
    """

    summary = "in the arena: move in a circle"

    def error(self, hand: Array) -> float:
        """See CurveTask."""
        return circle_error(*hand.tolist())
