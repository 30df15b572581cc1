"""How an environment plays its episodes, whatever the task: repeats, noise, random starts."""

from __future__ import annotations

from dataclasses import dataclass

from robot_interface_ros.config import ConfigError, option


@dataclass(frozen=True)
class EpisodeOptions:
    """Ranges are checked by `from_mapping`."""

    action_repeat: int = option(1, "control periods that an action lasts; rewards add up", minimum=1, maximum=1000)
    action_noise: float = option(
        0.0,
        "standard deviation of the noise on motions; 1 is the largest motion of a period",
        minimum=0.0,
        maximum=10.0,
    )
    frame_stack: int = option(1, "observations of successive steps that are seen at once", minimum=1, maximum=100)
    random_start: int = option(
        0, "random actions at the start of an episode, before it is observed", minimum=0, maximum=1000
    )
    goal_conditioned: bool = option(
        False, "observe a dictionary of observation, achieved_goal and desired_goal (for hindsight experience replay)"
    )

    def __post_init__(self) -> None:
        if self.goal_conditioned and self.frame_stack > 1:
            raise ConfigError("frame_stack does not go with goal_conditioned; leave one of the two out")
