"""The settings by which a command names a robot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rl_trainer_ros.bringup.ros_arguments import placed
from robot_interface_ros.config import option


def namespace_option() -> Any:
    """The field `namespace`."""
    return option("env_0", "the robot's namespace; without a slash in front it lies in the command line's __ns")


def domain_option() -> Any:
    """The field `domain_id`."""
    return option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)


def robot_option() -> Any:
    """The field `robot`."""
    return option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)


class Placed:
    """Base of frozen dataclasses with the field `namespace`, which it makes absolute."""

    namespace: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "namespace", placed(self.namespace))


@dataclass(frozen=True)
class ServedRobot(Placed):
    """A robot that some node serves."""

    namespace: str = namespace_option()
    timeout_s: float = option(15.0, "how long it is looked for", minimum=0.1, maximum=600.0)
    domain_id: int | None = domain_option()
