"""Circular: go round in a circle."""

from __future__ import annotations

import math

from rl_trainer_ros.tasks.plane import RADIUS, CurveTask
from robot_interface_ros.robot import Array


def circle_error(x: float, y: float) -> float:
    """Return |p| - r with the Euclidean norm: 0 on the circle."""
    return math.hypot(x, y) - RADIUS


class Circular(CurveTask):
    """
    | what | when or how much |
    |---|---|
    | target | the arena's middle |
    | reward | 10 (1 - e^2) m - 100 b |
    | good step | abs(e) < 0.15, m > 0.15, inside the arena |
    | success (`is_success`) | 100 good steps in the episode, and once round the middle |
    | terminated | never |
    | truncated | by the clock: 250 steps |
    | `info` | `distance` (m), `is_success`, `good_steps` so far, `bump` |

    e = |p| - 0.6125, with the hand's place p from the middle, in the arena's units (half width 0.85). m: how far the hand is
    from where it was 10 steps ago, in the same units; 1 in the first 10 steps. b: 1 outside the arena, else 0.
    """

    summary = "in the arena: go round in a circle"

    def error(self, hand: Array) -> float:
        """See CurveTask."""
        return circle_error(*hand.tolist())
