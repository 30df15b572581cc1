"""Point to point: the first InMoov learning experiment's task, for comparison with its published figure."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.tasks.reach import Reach, ReachSettings
from robot_interface_ros.config import option


@dataclass(frozen=True)
class PointToPointSettings(ReachSettings):
    """Reach with other defaults."""

    max_episode_steps: int = option(1000, "steps after which an episode is truncated", minimum=1, maximum=10_000_000)
    target: str = option(
        "fixed", "where it is: always in one place, or drawn each episode", choices=("random", "fixed")
    )
    target_xyz: tuple[float, float, float] | None = option(
        (0.4, -0.4, 1.1), "the fixed target, m, root frame; empty: in front of and above the hand at rest"
    )
    reward: str = option(
        "distance",
        "shaped: progress and a bonus; distance: minus metres to the target; sparse: -1 until it is reached",
        choices=("shaped", "distance", "sparse"),
    )
    end_at_success: bool = option(False, "an episode ends when the target is reached")


class PointToPoint(Reach):
    """
    | what | when or how much |
    |---|---|
    | target | fixed: a tomato on a plant, (.4, -.4, 1.1) m: the S-RL Toolbox's place, mirrored to the right arm |
    | reward | minus the distance between hand and target, m |
    | success (`is_success`) | hand within `success_distance_m` (3 cm) of the target |
    | terminated | never |
    | truncated | by the clock: 1000 steps (50 s at 20 Hz) |
    | `info` | `distance` (m), `is_success` |

    A return of -75, published for 400,000 steps of the S-RL Toolbox's InMoov, is a mean distance of 7.5 cm, the way to the
    target included. The settings are those of reach.
    """

    Settings = PointToPointSettings
    summary = "a fixed target, minus the distance as reward: the S-RL Toolbox's InMoov task"
    world = "tomato"
