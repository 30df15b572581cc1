"""Requirements of an environment on its robot, both for a simulation in process and for the nodes that bring-up starts.

This module does not import Gymnasium: bring-up works without it."""

from __future__ import annotations

from typing import Any

from rl_trainer_ros import factories
from rl_trainer_ros.camera_settings import CameraSettings
from rl_trainer_ros.environments.env_config import RAW_PIXELS, SRL_STATE, TOOLBOX_TASKS, EnvConfig, given_to_simulation
from rl_trainer_ros.tasks import TASKS, Task
from robot_interface_ros.config import ConfigError, from_mapping, unknown_name
from robot_interface_ros.files.description import resolve, share_directory
from robot_interface_ros.robot_config import RobotConfig, robot_config

DEFAULT_WORLD = "reach"
DEFAULT_IMAGE = (64, 64)
"""Width and height of the simulator's images."""


def task_class(name: str) -> type[Task]:
    """Return a task's class by name. Raises ConfigError that lists the known ones."""
    if name in TOOLBOX_TASKS and name not in TASKS:
        raise ConfigError(f"unknown task '{name}'; the S-RL Toolbox's {name} is called here {TOOLBOX_TASKS[name]}")
    if name not in TASKS:
        raise ConfigError(unknown_name("task", name, TASKS))
    return TASKS[name]


def simulation_settings(config: EnvConfig) -> dict[str, Any]:
    """Return the settings of the simulation that an environment needs; defaults are left out."""
    given = given_to_simulation(config)
    world = given.pop("world", task_class(config.task).world)
    return robot_settings(config) | _cameras(config) | given | ({"world": world} if world != DEFAULT_WORLD else {})


def world_names() -> list[str]:
    """Names of the worlds that the package ships."""
    return sorted(path.stem for path in (share_directory() / "config" / "worlds").glob("*.yaml"))


def check_world(world: str) -> None:
    """Raise ConfigError unless `world` is empty, the name of a shipped world or the path of an existing YAML file."""
    is_path = world.endswith((".yaml", ".yml"))
    if world and (not resolve(world).is_file() if is_path else world not in world_names()):
        raise ConfigError(unknown_name("world", world, [*world_names(), "or the path of a world's .yaml file"]))


def robot_settings(config: EnvConfig) -> dict[str, Any]:
    """Return the settings for the simulator and for the driver: groups of joints and posture."""
    posture, moved = task_class(config.task).posture, groups(config)
    return ({"groups": moved} if moved else {}) | ({"posture": posture} if posture else {})


def groups(config: EnvConfig) -> tuple[str, ...]:
    """Return the groups that a robot articulates: the joint group, and those of a gaze; empty: those of the robot file."""
    given = (config.joint_group,) if config.joint_group else ()
    if not gaze_of(config) or given == ("all",):
        return given
    robot = robot_config(config.robot)
    looking = () if robot.gaze is None else robot.gaze.joints  # without a gaze, `arm.gaze` raises the error
    more = [name for name, joints in robot.groups.items() if set(joints) & set(looking)]
    return tuple(dict.fromkeys((*(given or robot.articulated), *more))) if more else given


def gaze_of(config: EnvConfig) -> str:
    """Return the gaze: the setting, or that of the encoder's images; empty: head and eyes do not move."""
    if config.gaze:
        return "" if config.gaze == "none" else config.gaze
    return factories.encoder_gaze(config.encoder_folder) if config.observed == SRL_STATE else ""


def sized(size: tuple[int, int] | None) -> dict[str, int]:
    """Return the settings of a simulation that renders images of this width and height; None or its default: none."""
    if size is None or size == DEFAULT_IMAGE:
        return {}
    return {"image_width": size[0], "image_height": size[1]}


def image_sizes(config: EnvConfig) -> dict[str, tuple[int, int]]:
    """Return the width and height that the observation takes of each camera; empty: any."""
    if config.observed != RAW_PIXELS:
        return {}
    settings = _pixels(config)
    return dict.fromkeys(settings.cameras, (settings.image_width, settings.image_height))


def _pixels(config: EnvConfig) -> CameraSettings:
    return from_mapping(CameraSettings, config.settings("observation"), f"observation {RAW_PIXELS}")


def _cameras(config: EnvConfig) -> dict[str, Any]:
    if config.observed == SRL_STATE:
        folder = config.encoder_folder
        return {"cameras": factories.encoder_cameras(folder), **sized(factories.encoder_image_size(folder))}
    if config.observed == RAW_PIXELS:
        return _pixels(config).simulation()
    settings = config.settings("observation")
    return {"cameras": tuple(settings["cameras"])} if "cameras" in settings else {}


def missing(needs: tuple[str, ...], robot: RobotConfig) -> list[str]:
    """Return the needed entries that the robot file does not have, such as `arena` or `postures.arena`."""
    return [need for need in needs if not _has(robot, need)]


def _has(robot: RobotConfig, need: str) -> bool:
    part, _, name = need.partition(".")
    value = getattr(robot, part, None)  # a task of another package may misspell it
    return value is not None and (not name or name in value)
