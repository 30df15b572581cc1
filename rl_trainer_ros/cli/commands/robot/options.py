"""Common settings of commands for one robot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rl_trainer_ros.bringup.ros_arguments import placed
from robot_interface_ros.config import option


def namespace_option() -> Any:
    """Return the field `namespace`."""
    return option("env_0", "namespace of the robot; without leading slash it is relative to __ns of the command line")


def domain_option() -> Any:
    """Return the field `domain_id`."""
    return option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)


def robot_option() -> Any:
    """Return the field `robot`."""
    return option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)


class Placed:
    """Base of frozen dataclasses with the field `namespace`, which it makes absolute."""

    namespace: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "namespace", placed(self.namespace))


@dataclass(frozen=True)
class ServedRobot(Placed):
    """Settings of commands for a robot that a node serves."""

    namespace: str = namespace_option()
    timeout_s: float = option(15.0, "longest time to find the robot, s", minimum=0.1, maximum=600.0)
    domain_id: int | None = domain_option()
