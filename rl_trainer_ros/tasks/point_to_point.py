"""Point to point: the task of the first InMoov learning experiment, for comparison with its published result."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.tasks.reach import Reach, ReachSettings
from robot_interface_ros.config import option


@dataclass(frozen=True)
class PointToPointSettings(ReachSettings):
    """Reach with other defaults."""

    max_episode_steps: int = option(1000, "steps after which an episode is truncated", minimum=1, maximum=10_000_000)
    target: str = option(
        "fixed",
        "random: the target is sampled in each episode; fixed: it is always at target_xyz",
        choices=("random", "fixed"),
    )
    target_xyz: tuple[float, float, float] | None = option(
        (0.4, -0.4, 1.1), "fixed target, m, root frame; empty: in front of and above the hand at rest"
    )
    reward: str = option(
        "distance",
        "shaped: progress and a bonus; distance: minus the distance to the target (m); sparse: -1 until it is reached",
        choices=("shaped", "distance", "sparse"),
    )
    end_at_success: bool = option(False, "an episode ends when the target is reached")


class PointToPoint(Reach):
    """
    | item | definition |
    |---|---|
    | target | fixed: a tomato on a plant at (.4, -.4, 1.1) m: the S-RL Toolbox's position, mirrored to the right arm |
    | reward | minus the distance between hand and target, m |
    | success (`is_success`) | hand within `success_distance_m` (3 cm) of the target |
    | terminated | never |
    | truncated | after 1000 steps (50 s at 20 Hz) |
    | `info` | `distance` (m), `is_success` |

    The S-RL Toolbox published a return of -75 after 400,000 steps of its InMoov. This is a mean distance of 7.5 cm, including
    the path to the target. The settings are those of reach.
    """

    Settings = PointToPointSettings
    summary = "reach a fixed target, with minus the distance as reward: the S-RL Toolbox's InMoov task"
    world = "tomato"
