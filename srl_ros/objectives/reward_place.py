"""The place that explains the rewards of an episode, and its certainty."""

from __future__ import annotations

from typing import ClassVar

from robot_interface_ros.config import ConfigError
from srl_ros.objectives.base import Setup
from srl_ros.objectives.predicting import Estimate


class RewardPlace(Estimate):
    """Where the target is, as `Estimate` learns it; the places to learn are those of `srl_ros.reward_places`.

    Rewards and hand positions determine them, and the ground truth is not used. Reward as what a state must tell: Jonschkowski
    and Brock 2015, "Learning state representations with robotic priors"; Raffin et al. 2018, "S-RL Toolbox".
    """

    needs: ClassVar[tuple[str, ...]] = ("hand", "next_hand", "reward")
    from_rewards = True

    def __init__(self, setup: Setup):
        super().__init__(setup)
        names = setup.config.truth_names
        if any(name.startswith("seen_") for name in names):
            raise ConfigError(
                "loss reward_place learns a place in the robot's root frame, and eyes alone that look (gaze) show it in their "
                "own; use at least one camera beside the robot, or srl_model:=target_estimate"
            )
        if len(names) != 3:
            raise ConfigError(
                f"loss reward_place learns a place of three coordinates, and truth_names is {list(names)}; leave it out"
            )
