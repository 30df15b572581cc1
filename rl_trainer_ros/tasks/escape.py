"""Escape: keep away from a pursuer, but not too far."""

from __future__ import annotations

import numpy as np

from rl_trainer_ros.tasks.plane import Place, PlaneTask
from rl_trainer_ros.tasks.task import Target

NEAREST, FURTHEST = 0.3, 0.6


def escape_reward(distance: float, bump: bool) -> float:
    """Return -1 on a bump or below 0.3, 1 if 0.3 <= distance < 0.6, else 0; distance in the arena's units."""
    if bump or distance < NEAREST:
        return -1.0
    return 1.0 if distance < FURTHEST else 0.0


class Escape(PlaneTask):
    """
    | item | definition |
    |---|---|
    | target | a pursuer that moves towards the hand (world `escape`); its start is sampled on a circle with radius 0.7 |
    | reward | -1 if the pursuer is nearer than 0.3, or the hand outside the arena; +1 from 0.3 to 0.6; else 0 |
    | success (`is_success`) | 100 steps with +1 in the episode (`good_steps`) |
    | terminated | never |
    | truncated | after 250 steps |
    | `info` | `distance` (m), `is_success`, `good_steps` so far, `bump` |

    Distances of the reward are in the arena's units (half width 0.85).
    """

    summary = "in the arena: keep away from a pursuer, but not too far"
    world = "escape"
    target_moves = True

    def draw_target(self, generator: np.random.Generator) -> Target:
        """See Task."""
        angle = generator.uniform(0.0, 2.0 * np.pi)
        return self.place_m(0.7 * float(np.cos(angle)), 0.7 * float(np.sin(angle)))

    def judge(self, place: Place, moved: float | None) -> tuple[float, bool]:
        """See PlaneTask."""
        reward = escape_reward(place.distance, place.bump)
        return reward, reward > 0.0
