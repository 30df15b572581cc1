"""The robot file: everything about a robot that its URDF does not have, and how robot file and URDF are loaded."""

from __future__ import annotations

import logging
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from robot_interface_ros.cameras import (
    CameraConfig,
    GazeConfig,
    check_cameras,
    check_gaze,
    with_camera_frames,
    with_external,
)
from robot_interface_ros.config import ConfigError, from_mapping, option, read_yaml, unknown_name
from robot_interface_ros.files import description
from robot_interface_ros.files.paths import expanded
from robot_interface_ros.files.untrusted_files import parse_xml
from robot_interface_ros.registry import Registry
from robot_interface_ros.robot import Array
from robot_interface_ros.urdf.elements import LARGEST, JointLimits, RobotModelError
from robot_interface_ros.urdf.faults.inertia import complete, repair_impossible
from robot_interface_ros.urdf.faults.lines import errors_with_line
from robot_interface_ros.urdf.faults.plausibility import origins_in_degrees, unlikely_values
from robot_interface_ros.urdf.faults.repair import repair
from robot_interface_ros.urdf.held_joints import hold_joints
from robot_interface_ros.urdf.meshes import BROKEN_MESHES, locate_meshes, mesh_box, with_mesh_boxes
from robot_interface_ros.urdf.robot_model import RobotModel

_log = logging.getLogger(__name__)
Vector = tuple[float, float, float]

HARDWARE_SUFFIX = "_hardware.yaml"
"""End of the name of a hardware file, which lies in the folder of the robot file."""

HALF_WIDTH_IN_UNITS = 0.85
"""Half the width of an arena in the units of the continual-learning tasks, whose steps are 0.05 units."""

TARGET_SHARE = 0.4
"""Distance of the default target in front of and above the hand, as a share of the arm's length; at most 0.2 m."""
LEAST_RANGE = 1e-4
"""Smallest range between a joint's limits, rad or m; a joint with less cannot move."""


@dataclass(frozen=True)
class Arena:
    """A horizontal square within reach of the end effector, for tasks in a plane."""

    centre: Vector = option((0.0, 0.0, 0.0), "m, root frame")
    half_width: float = option(0.1, "half the edge of the square, m", minimum=0.01, maximum=10.0)

    @property
    def unit_m(self) -> float:
        """Length of one unit of the tasks, m."""
        return self.half_width / HALF_WIDTH_IN_UNITS


@dataclass(frozen=True)
class RobotConfig:
    """One file in `config/robots/`."""

    urdf: str = option(
        "",
        "URDF or xacro file: a path, relative to the working directory or to this file; package://...; pybullet_data://...",
    )
    repair: bool = option(True, "repair known faults of published URDFs, with a warning each; false: refuse them")
    end_effector: str = option("", "link that reaches the target")
    groups: Mapping[str, tuple[str, ...]] = option({}, "group name -> independent joints")
    articulated: tuple[str, ...] = option((), "groups that move; all other joints are fixed at rest")
    rest: Mapping[str, float] = option({}, "joint -> rest position, rad; default: 0 clipped to the limits")
    postures: Mapping[str, Mapping[str, float]] = option(
        {}, "name -> joint -> position, rad, where it differs from rest: start postures for episodes of some tasks"
    )
    max_velocity: Mapping[str, float] = option({}, "joint -> top speed, rad/s, if lower than in the URDF")
    max_effort: Mapping[str, float] = option({}, "joint -> N·m, replaces the URDF's")
    limits: Mapping[str, tuple[float, float]] = option({}, "joint -> lower and upper limit, rad, replace the URDF's")
    max_acceleration: float = option(5.0, "rad/s^2, every joint", minimum=0.01, maximum=1000.0)
    floor: float | None = option(None, "height of the ground, m, root frame; no target requires an arm to go below it")
    table: Vector | None = option(None, "centre of a table top within the end effector's reach, m, root frame")
    arena: Arena | None = option(None, "square for tasks in a plane")
    cameras: Mapping[str, CameraConfig] = option(
        {}, "camera name -> its pose and field of view; `external` has a default"
    )
    gaze: GazeConfig | None = option(None, "frame and joints of eyes that can look at a point")
    xacro_arguments: Mapping[str, Any] = option({}, "arguments of the xacro file: name -> value")
    group_argument: str | None = option(
        None, "xacro argument that receives the articulated groups; None: the file has no such argument"
    )
    broken_meshes: str = option(
        "refuse",
        "missing or unreadable meshes: refuse the robot, leave out the visual ones, or leave out all",
        choices=BROKEN_MESHES,
    )


@dataclass(frozen=True)
class RobotDescription:
    """A robot, ready to be simulated or driven: its URDF text, and arrays in the order of `model.joint_names`."""

    name: str
    config: RobotConfig
    urdf: str
    model: RobotModel
    limits: JointLimits
    rest: Array
    max_acceleration: Array
    cameras: Mapping[str, CameraConfig] = field(default_factory=dict)
    """Cameras of the robot file, and always an `external` one."""
    joint_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "joint_names", self.model.joint_names)

    def default_target(self) -> Array:
        """Return the target of an episode that gives none: `(3,)` m, root frame, in front of the hand at rest."""
        chain = self.model.chain(self.config.end_effector)
        rest = dict(zip(self.joint_names, self.rest))
        away = min(0.2, TARGET_SHARE * self.model.reach(self.config.end_effector, self.rest))
        target: Array = chain.position([rest[name] for name in chain.joint_names]) + np.array([away, 0.0, away])
        return target


def _check_path(thing: object) -> None:
    if not isinstance(thing, (str, Path)) or not Path(thing).is_file():
        raise TypeError(f"is {thing!r}; expected the path of a robot's .yaml file")


BROUGHT: Registry[str] = Registry("robot", {}, "rl_trainer_ros.robots", _check_path)
"""Robots of other packages: name -> path of the robot file."""


def robot_names() -> list[str]:
    """Return the names of the robots in this package."""
    files = (description.share_directory() / "config" / "robots").glob("*.yaml")
    return sorted(file.stem for file in files if not file.name.endswith(HARDWARE_SUFFIX))


def robot_file(robot: str) -> Path:
    """Return the robot file: `robot` is its path, or the name of a robot of this or another package."""
    if robot.endswith((".yaml", ".yml")):
        return expanded(robot)
    path = description.share_directory() / "config" / "robots" / f"{robot}.yaml"
    if path.is_file():
        return path
    if robot in BROUGHT:
        return expanded(BROUGHT[robot])
    if robot.endswith((".urdf", ".xacro")):
        raise ConfigError(
            f"robot is {robot}, a robot description; give the path of a .yaml file with urdf: {robot}, "
            "end_effector and groups of joints, as docs/robots.md shows"
        )
    names = [*robot_names(), *BROUGHT, "or the path of a robot's .yaml file"]
    raise ConfigError(unknown_name("robot", robot, names))


def robot_config(robot: str) -> RobotConfig:
    """Return the settings of a robot file, without loading its URDF."""
    path = robot_file(robot)
    values = read_yaml(path)
    config = from_mapping(RobotConfig, values, str(path))
    for name, meant in (
        ("urdf", "the path of the robot's URDF or xacro file"),
        ("end_effector", "the link that reaches the target"),
    ):
        if not getattr(config, name):
            fault = f"{name} is missing" if values else f"the file is empty, {name} is missing"
            raise ConfigError(f"{path}: {fault}; add {name}: and {meant}, as docs/robots.md shows")
    return config


@cache
def load_robot(robot: str = "inmoov", groups: tuple[str, ...] | None = None, posture: str = "") -> RobotDescription:
    """Load a robot by its name, or by the path of its robot file.

    `groups` replaces `articulated` unless it is empty; "all" means every group. `posture`: one of the robot's postures, in
    which episodes begin instead of at rest.
    """
    path, config = robot_file(robot), robot_config(robot)
    if groups == ("all",):
        groups = tuple(config.groups)
    if posture:
        if posture not in config.postures:
            raise ConfigError(f"robot {robot}: {unknown_name('posture', posture, config.postures)}")
        config = replace(config, rest={**config.rest, **config.postures[posture]})
    return describe(path.stem, config, groups or config.articulated, path.parent)


def describe(name: str, config: RobotConfig, groups: Sequence[str], folder: Path | None = None) -> RobotDescription:
    """Load the URDF of `config` with the joints of `groups` movable; check that the model has every name in `config`.

    `folder`: the path of the URDF may also be relative to this folder. Raises ConfigError and RobotModelError, one line.
    """
    _check_groups(name, config, groups)
    moving = {joint for group in groups for joint in config.groups[group]}
    file = description.resolve(config.urdf, folder)
    text = description.urdf_text(file, _xacro_arguments(config, groups))
    with errors_with_line(file, text):
        urdf = prepared_urdf(name, config, moving, file, text)
        model = RobotModel.from_urdf(urdf)
    if warning := origins_in_degrees(urdf):
        _log.warning("robot %s: %s", name, warning)
    _check_names(name, config, moving, model)
    _check_held(name, config, moving, model)
    urdf = _with_masses(name, config, hold_joints(urdf, moving, config.rest))
    model = RobotModel.from_urdf(urdf)
    limits = _limits(name, config, model)
    rest = _rest(name, config, limits)
    for warning in unlikely_values(model, limits, rest, urdf, config.end_effector):
        _log.warning("robot %s: %s", name, warning)
    cameras = with_external(config.cameras, model, rest)
    check_cameras(name, cameras, model)
    if config.gaze is not None:
        check_gaze(name, config.gaze, config.groups, model)
    urdf = with_camera_frames(urdf, cameras)
    return RobotDescription(
        name,
        config,
        urdf,
        with_mesh_boxes(RobotModel.from_urdf(urdf), urdf),
        limits,
        _read_only(rest),
        np.full(len(limits.names), config.max_acceleration),
        cameras,
    )


def _check_groups(name: str, config: RobotConfig, groups: Sequence[str]) -> None:
    """Raise ConfigError for an unknown group, or for a joint that a group has twice."""
    for group in groups:
        if group not in config.groups:
            raise ConfigError(f"robot {name}: {unknown_name('group', group, config.groups)}")
    for group, joints in config.groups.items():
        twice = [joint for joint in joints if joints.count(joint) > 1]
        if twice:
            raise ConfigError(f"robot {name}: group {group} has joint {twice[0]} twice; name every joint once")


def _check_names(name: str, config: RobotConfig, moving: Collection[str], model: RobotModel) -> None:
    """Raise ConfigError for a joint or link that the model lacks, and for a joint of a group that cannot move by itself."""
    in_postures = [joint for posture in config.postures.values() for joint in posture]
    in_groups = [joint for group in config.groups.values() for joint in group]
    given = [*config.rest, *config.max_velocity, *config.max_effort, *config.limits]
    for joint in [*given, *in_postures, *in_groups]:
        if joint not in model.joints:
            raise ConfigError(f"robot {name}: {unknown_name('joint', joint, model.joints)}")
    if config.end_effector not in model.links:
        raise ConfigError(f"robot {name}: end_effector: {unknown_name('link', config.end_effector, model.links)}")
    for mimic in model.mimic_joints:
        if mimic.name in moving:
            leader, _, _ = model.source(mimic)
            raise ConfigError(f"robot {name}: joint {mimic.name} follows {leader}; name that one in its group instead")
    for joint in sorted(moving):
        if model.joints[joint].type == "fixed":
            raise ConfigError(f"robot {name}: joint {joint} is fixed and cannot move; take it out of its group")


def _check_held(name: str, config: RobotConfig, moving: Collection[str], model: RobotModel) -> None:
    """Raise ConfigError for a rest position that a held joint cannot have, such as degrees; it would be held at its limit."""
    for joint, value in config.rest.items():
        part = model.joints[joint]
        if joint in model.joint_names and joint not in moving and not part.lower <= value <= part.upper:
            raise ConfigError(f"robot {name}: rest of {joint} is {value}; its limits are {part.lower} to {part.upper}")


def _with_masses(name: str, config: RobotConfig, urdf: str) -> str:
    """Return the URDF text with an estimate for each moving link without mass or inertia. Raises ConfigError."""
    urdf, estimated = complete(urdf, mesh_box)
    if estimated:
        fault = f"no usable mass or inertia on links that move: {', '.join(estimated)}"
        if not config.repair:
            raise ConfigError(
                f"robot {name}: {fault}; correct the URDF's <inertial>, or set repair: true to estimate them"
            )
        _log.warning("robot %s: repaired %s; estimated from the shapes", name, fault)
    return urdf


def _limits(name: str, config: RobotConfig, model: RobotModel) -> JointLimits:
    """Return the limits of the joints that move: the URDF's, and the lower top speeds of `config`. Raises ConfigError."""
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
                "correct the URDF's <limit>, or give the speed under max_velocity"
            )
    # A continuous joint is limited to one turn, so that each position has one value.
    lower = np.where(np.isfinite(limits.lower), limits.lower, -math.pi)
    upper = np.where(np.isfinite(limits.upper), limits.upper, math.pi)
    for joint, low, high in zip(limits.names, lower, upper):
        remedy = f"set limits in the robot file, such as limits: {{{joint}: [-1.5, 1.5]}}, or take the joint out of its group"
        if max(-low, high) > LARGEST:
            raise ConfigError(f"robot {name}: the limits of joint {joint} are too large: {low:g} to {high:g}; {remedy}")
        if high - low < LEAST_RANGE:
            raise ConfigError(f"robot {name}: joint {joint} cannot move: its limits are {low:g} to {high:g}; {remedy}")
    return JointLimits(limits.names, lower, upper, velocity, limits.effort)


def _rest(name: str, config: RobotConfig, limits: JointLimits) -> Array:
    """Return the rest pose, `(n_joints,)` rad: that of `config`, other joints at 0 or at the limit next to it."""
    rest = np.array([config.rest.get(joint, 0.0) for joint in limits.names])
    for joint, value, low, high in zip(limits.names, rest, limits.lower, limits.upper):
        if joint in config.rest and not low <= value <= high:
            raise ConfigError(f"robot {name}: rest of {joint} is {value} rad; its limits are {low} to {high}")
    clipped: Array = np.clip(rest, limits.lower, limits.upper)
    return clipped


def prepared_urdf(name: str, config: RobotConfig, moving: Collection[str], file: Path, text: str) -> str:
    """Return the URDF text with located meshes and, with `config.repair`, with known faults repaired and logged.

    `text`: content of the URDF `file`. Raises RobotModelError, one line.
    """
    urdf = _with_given_limits(text, config, file)
    located = locate_meshes(urdf, file.parent, config.broken_meshes)
    for note in located.notes:
        _log.warning("robot %s: %s", name, note)
    if not config.repair:
        impossible = repair_impossible(ElementTree.fromstring(located.text), mesh_box)
        if impossible:
            raise RobotModelError(
                f"physically impossible masses or inertias: links {', '.join(impossible)}",
                ("link", "name", impossible[0]),
            )
        return located.text
    repaired = repair(located.text, moving, config.max_velocity, mesh_box)
    for note in repaired.notes:
        _log.warning("robot %s: repaired %s", name, note)
    return repaired.text


def _with_given_limits(text: str, config: RobotConfig, file: Path) -> str:
    """Return the URDF with limits and efforts of the robot file, and with a robot name, which readers of URDF require."""
    robot = parse_xml(text, str(file))
    unnamed = robot.tag == "robot" and not robot.get("name")
    if not (unnamed or config.limits or config.max_effort):
        return text
    if unnamed:
        robot.set("name", file.stem.split(".")[0])
    for joint in robot.findall("joint"):
        name, limit = joint.get("name", ""), joint.find("limit")
        if name not in config.limits and name not in config.max_effort:
            continue
        if limit is None:
            limit = ElementTree.SubElement(joint, "limit", velocity="0", effort="0")
        if name in config.limits:
            lower, upper = config.limits[name]
            limit.set("lower", repr(lower))
            limit.set("upper", repr(upper))
            if joint.get("type") == "continuous":
                joint.set("type", "revolute")
        if name in config.max_effort:
            limit.set("effort", repr(config.max_effort[name]))
    return ElementTree.tostring(robot, encoding="unicode")


def _xacro_arguments(config: RobotConfig, groups: Sequence[str]) -> dict[str, str]:
    words = {True: "true", False: "false"}
    given = {
        name: words[value] if isinstance(value, bool) else str(value) for name, value in config.xacro_arguments.items()
    }
    if config.group_argument:
        given[config.group_argument] = " ".join(groups)
    return given


def _read_only(array: Array) -> Array:
    array.setflags(write=False)  # descriptions are cached and shared
    return array
