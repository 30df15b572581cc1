"""What a user says about a robot beside its URDF: groups of joints, the end effector, the rest pose, the limits of speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from robot_interface_ros import description
from robot_interface_ros.config import ConfigError, from_mapping, option, read_yaml, unknown_name
from robot_interface_ros.robot import Array
from robot_interface_ros.robot_model import JointLimits, RobotModel

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Arena:
    """A horizontal square that the end effector can sweep: where tasks in a plane take place."""

    centre: Vector = option((0.0, 0.0, 0.0), "m, root frame")
    half_width: float = option(0.1, "half an edge of the square, m", minimum=0.01, maximum=10.0)


@dataclass(frozen=True)
class RobotConfig:
    """One file in `config/robots/`."""

    urdf: str = option("", "URDF or xacro file: a path or package://<package>/<path>")
    end_effector: str = option("", "link that reaches")
    groups: Mapping[str, tuple[str, ...]] = option({}, "group name -> independent joints")
    articulated: tuple[str, ...] = option((), "groups that move; the joints of the others are fixed")
    rest: Mapping[str, float] = option({}, "joint -> rest position, rad; 0 clipped to the limits where not given")
    max_velocity: Mapping[str, float] = option({}, "joint -> rad/s where lower than the URDF's")
    max_acceleration: float = option(5.0, "rad/s^2, every joint", minimum=0.01, maximum=1000.0)
    table: Vector | None = option(None, "middle of a table top within the end effector's reach, m, root frame")
    arena: Arena | None = option(None, "square for tasks in a plane")
    group_argument: str | None = option(
        None, "xacro argument that takes the articulated groups; None: the file has none"
    )


@dataclass(frozen=True)
class RobotDescription:
    """A robot, ready to be simulated or driven: its URDF text and everything in the order of `model.joint_names`."""

    name: str
    config: RobotConfig
    urdf: str
    model: RobotModel
    limits: JointLimits
    rest: Array
    max_acceleration: Array
    joint_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "joint_names", self.model.joint_names)

    def default_target(self) -> Array:
        """Where a robot puts the target when an episode names none: `(3,)` m, root frame; in front of the hand at rest."""
        chain = self.model.chain(self.config.end_effector)
        rest = dict(zip(self.joint_names, self.rest))
        return chain.position([rest[name] for name in chain.joint_names]) + np.array([0.2, 0.0, 0.2])


def robot_names() -> list[str]:
    """Names of the robots that the package ships."""
    return sorted(path.stem for path in (description.share_directory() / "config" / "robots").glob("*.yaml"))


@cache
def load_robot(robot: str = "inmoov", groups: tuple[str, ...] | None = None) -> RobotDescription:
    """Load a shipped robot by name, or one's own by the path of its YAML file; `groups` replaces `articulated`."""
    path = Path(robot) if robot.endswith((".yaml", ".yml")) else None
    if path is None:
        path = description.share_directory() / "config" / "robots" / f"{robot}.yaml"
        if not path.is_file():
            raise ConfigError(unknown_name("robot", robot, [*robot_names(), "or the path of a robot's .yaml file"]))
    config = from_mapping(RobotConfig, read_yaml(path), str(path))
    return describe(path.stem, config, groups if groups is not None else config.articulated)


def describe(name: str, config: RobotConfig, groups: Sequence[str]) -> RobotDescription:
    """Load the URDF of `config` with the joints of `groups` movable; checks that every name in it is the model's."""
    for group in groups:
        if group not in config.groups:
            raise ConfigError(f"robot {name}: {unknown_name('group', group, config.groups)}")
    arguments = {config.group_argument: " ".join(groups)} if config.group_argument else {}
    urdf = description.urdf_text(description.resolve(config.urdf), arguments)
    model = RobotModel.from_urdf(urdf)
    for joint in [*config.rest, *config.max_velocity, *(j for group in config.groups.values() for j in group)]:
        if joint not in model.joints:
            raise ConfigError(f"robot {name}: {unknown_name('joint', joint, model.joints)}")
    wanted = {joint for group in groups for joint in config.groups[group]}
    for joint in model.joint_names:
        if joint not in wanted:
            raise ConfigError(
                f"robot {name}: joint {joint} moves but is in no articulated group ({', '.join(groups) or 'none'}); add its "
                "group, or let the URDF fix it through a xacro argument named by group_argument"
            )
    if config.end_effector not in model.links:
        raise ConfigError(f"robot {name}: end_effector: {unknown_name('link', config.end_effector, model.links)}")
    limits = model.limits()
    velocity = np.array(
        [
            min(config.max_velocity.get(joint, speed), speed if speed > 0.0 else np.inf)
            for joint, speed in zip(limits.names, limits.velocity)
        ]
    )
    for joint, speed, effort in zip(limits.names, velocity, limits.effort):
        if not (0.0 < speed < np.inf and 0.0 < effort < np.inf):
            raise ConfigError(
                f"robot {name}: joint {joint} has top speed {speed} and effort {effort}; both must be finite and above 0: "
                "mend the URDF's <limit>, or give the speed under max_velocity"
            )
    limits = JointLimits(limits.names, limits.lower, limits.upper, velocity, limits.effort)
    rest = np.array([config.rest.get(joint, 0.0) for joint in limits.names])
    for joint, value, low, high in zip(limits.names, rest, limits.lower, limits.upper):
        if joint in config.rest and not low <= value <= high:
            raise ConfigError(f"robot {name}: rest of {joint} is {value} rad; its limits are {low} to {high}")
    return RobotDescription(
        name,
        config,
        urdf,
        model,
        limits,
        _read_only(np.clip(rest, limits.lower, limits.upper)),
        np.full(len(limits.names), config.max_acceleration),
    )


def _read_only(array: Array) -> Array:
    array.setflags(write=False)  # descriptions are cached and shared
    return array
