"""Chasing: stay close to a target that sweeps through the arena."""

from __future__ import annotations

import numpy as np

from rl_trainer_ros.tasks.plane import Place, PlaneTask
from rl_trainer_ros.tasks.task import Target

NEAREST, FURTHEST = 0.3, 0.4


def chasing_reward(distance: float, bump: bool) -> float:
    """Return -1 on a bump, else 1 if 0.3 < distance < 0.4, else 0; distance in the arena's units."""
    return -1.0 if bump else 1.0 if NEAREST < distance < FURTHEST else 0.0


class Chasing(PlaneTask):
    """
    | item | definition |
    |---|---|
    | target | moves back and forth through the arena along y (world `chasing`); its start is sampled |
    | reward | +1 between 0.3 and 0.4 from the target, in the arena's units; -1 outside the arena; else 0 |
    | success (`is_success`) | 100 such steps in the episode (`good_steps`) |
    | terminated | never |
    | truncated | after 250 steps |
    | `info` | `distance` (m), `is_success`, `good_steps` so far, `bump` |

    Distances of the reward are in the arena's units (half width 0.85).
    """

    summary = "in the arena: stay close to a target that sweeps through it"
    world = "chasing"
    target_moves = True

    def draw_target(self, generator: np.random.Generator) -> Target:
        """See Task."""
        return self.place_m(0.0, float(generator.uniform(-0.8, 0.8)))

    def judge(self, place: Place, moved: float | None) -> tuple[float, bool]:
        """See PlaneTask."""
        reward = chasing_reward(place.distance, place.bump)
        return reward, reward > 0.0
