"""`num_envs:=auto`: the number of robots for a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl_trainer_ros.environments import requirements
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

AUTO = "auto"
_PPO_ROBOTS = 16
"""PPO reached in the shortest time with this number (docs/performance.md, "The fastest training")."""


def number_of_robots(algo: str, images: bool) -> tuple[int, str]:
    """Return the number of robots for an algorithm, and the reason. `images`: the robots have cameras.

    It is the best measured number, on two cores, and one where several robots were not measured. It is the same on more cores,
    which take more simulators: with more robots each would have fewer steps between two updates.
    """
    if algo != "ppo":
        return 1, f"because {algo} was not measured with more"
    if images:
        return 1, "because robots with cameras were not measured with more"
    return _PPO_ROBOTS, "with which ppo learns to reach in the shortest time"


def check(robot_source: str, settings: Mapping[str, Any], named: bool) -> None:
    """Raise ConfigError, in one line, if the number cannot be chosen.

    `settings`: those of the trainer. `named`: whether namespaces were given.
    """
    if named:
        raise ConfigError(f"namespaces names the robots, so num_envs:={AUTO} has no effect; leave one of the two out")
    kind = "robots in real time" if settings.get("realtime") else f"robot_source:={robot_source}"
    if settings.get("realtime") or robot_source != "sim":
        raise ConfigError(
            f"num_envs:={AUTO} is for simulated robots in lockstep, not for {kind}; give the number, such as num_envs:=2"
        )


def namespaces(config: TrainerConfig, resumed: TrainerConfig | None) -> tuple[tuple[str, ...], str]:
    """Return the robots for these settings, and a line that reports them. A `resumed` run keeps its robots."""
    if resumed:
        names, reason = resumed.namespaces, "as in the resumed run"
    else:
        images = bool(requirements.simulation_settings(config).get("cameras"))
        n, reason = number_of_robots(config.algo, images)
        names = tuple(f"env_{i}" for i in range(n))
    return names, f"num_envs:={AUTO}: {len(names)} robot{'s' * (len(names) > 1)}, {reason}"
