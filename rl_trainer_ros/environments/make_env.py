"""Make environments from their settings, for a robot that is simulated in process or served over topics."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from rl_trainer_ros import factories
from rl_trainer_ros.actions import ACTIONS, Action
from rl_trainer_ros.arm.arm import Arm
from rl_trainer_ros.arm.gaze import Gaze
from rl_trainer_ros.environments import requirements
from rl_trainer_ros.environments.encoded_robot import EncodedRobot
from rl_trainer_ros.environments.env_config import SRL_STATE, EnvConfig, settings_of
from rl_trainer_ros.environments.environment import GoalRobotEnv, RobotEnv
from rl_trainer_ros.environments.frame_stack import stacked
from rl_trainer_ros.environments.rendering import SIZE, check_render_mode, view_of
from rl_trainer_ros.observations import OBSERVATIONS, Goals, ObservationSpace, SrlState, WithLabel, WithMemory
from rl_trainer_ros.tasks import Task
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, from_mapping, unknown_name
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.names import check_namespace
from robot_interface_ros.realtime.newest import Freshness
from robot_interface_ros.robot import Robot
from robot_interface_ros.robot_config import RobotDescription, load_robot, robot_config

TRANSPORTS = ("in_process", "topics")
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Connection:
    """The robot of an environment, and the transport to it."""

    transport: str = "in_process"
    """in_process: simulated in this process; topics: the robot that is served in `namespace`."""
    namespace: str = "/env_0"
    simulation: Settings = field(default_factory=dict)
    """In process: settings of the simulation, as parameters of the simulator node; they override those of the environment."""
    runtime: Any = None
    """Over topics: an open Runtime; None: a new one."""
    timeouts: Any = None
    """Over topics: Timeouts; None: the defaults."""
    shared: Any = None
    """Over topics: SharedWaiter of several robots; None: the robot waits alone."""
    learns_encoder: bool = False
    """Over topics: keep images for an encoder that learns, and let the SRL node use new ones."""


IN_PROCESS = Connection()


def make_environment(
    config: EnvConfig, connection: Connection = IN_PROCESS, render_mode: str | None = None, render_size: int = SIZE
) -> RobotEnv:
    """Return an environment without time limit, with one observation; `frame_stack.limited` adds the limit and the stack.

    `render_mode`: with rgb_array, `render()` returns images of `render_size` x `render_size` pixels; see rendering.py.
    Raises ConfigError, in one line, for settings that contradict each other.
    """
    check_render_mode(render_mode)
    encoder = factories.load_encoder(config.encoder_folder) if config.encoder_folder else None
    made = parts(config, encoder)
    the_robot: Robot
    if connection.transport == "in_process":
        settings = {"robot": config.robot, "control_hz": config.control_hz, **requirements.simulation_settings(config)}
        the_robot = factories.simulated_robot(**{**settings, **connection.simulation})
        if encoder:
            the_robot = EncodedRobot(the_robot, encoder)
    elif connection.transport == "topics":
        check_namespace(connection.namespace)
        the_robot = factories.topic_robot(
            made.description,
            connection.namespace,
            Freshness(config.max_observation_age_s, config.max_skew_s) if config.realtime else None,
            connection.runtime,
            period_ns=period_of(config.control_hz),
            timeouts=connection.timeouts,
            shared=connection.shared,
            encoder_id=encoder.id if encoder else None,
            cameras=encoder.cameras if encoder and connection.learns_encoder else made.observation.cameras,
            image_sizes=requirements.image_sizes(config),
            learns_encoder=connection.learns_encoder,
            world_state=bool(made.task.signals),
            needed_by=_needed_by(config, made),
        )
    else:
        raise ConfigError(unknown_name("transport", connection.transport, TRANSPORTS))
    try:
        show = view_of(the_robot, made.observation.cameras, render_size) if render_mode else None
    except ConfigError:
        the_robot.close()
        raise
    kind = GoalRobotEnv if config.goal_conditioned else RobotEnv
    return kind(the_robot, made.arm, made.task, made.action, made.observation, config, show)


def make_robot_env(
    task: str = "reach",
    robot: str = "inmoov",
    *,
    freshness: Settings | None = None,
    render_mode: str | None = None,
    render_size: int = SIZE,
    **settings: Any,
) -> RobotEnv:
    """Return `make_environment` with settings as keyword arguments.

    `settings`: the fields of `EnvConfig` and of `Connection`; every other keyword is a setting of the task.
    `freshness`: max_observation_age_s and max_skew_s as the fields of `robot_interface_ros.realtime.newest.Freshness`.
    """
    given = {"task": task, "robot": robot, **settings}
    of_config = {name: _plain(given.pop(name)) for name in _names(EnvConfig) if name in given}
    of_connection = {name: given.pop(name) for name in _names(Connection) if name in given}
    if given:
        of_config["task_settings"] = {
            **settings_of("task_settings", of_config.get("task_settings") or ""),
            **_of_task(task, given),
        }
    if freshness is not None:
        limits = from_mapping(Freshness, freshness, "freshness")
        of_config |= {"max_observation_age_s": limits.max_age_s, "max_skew_s": limits.max_skew_s}
    config = from_mapping(
        EnvConfig, {name: value for name, value in of_config.items() if value is not None}, "environment"
    )
    connection = Connection(**{name: value for name, value in of_connection.items() if value is not None})
    return make_environment(config, connection, render_mode, render_size)


def make_env(**settings: Any) -> gymnasium.Env[Any, Any]:
    """Entry point of `gymnasium.make`, which adds the time limit; the settings are those of `make_robot_env`."""
    environment = make_robot_env(**settings)
    return stacked(environment, environment.config.frame_stack)


class Parts(NamedTuple):
    """The parts of an environment without the robot itself."""

    description: RobotDescription
    arm: Arm
    task: Task
    action: Action
    observation: ObservationSpace


def parts(config: EnvConfig, encoder: factories.Encoder | None) -> Parts:
    """Return the parts of an environment; `encoder`: the one of `config.encoder_folder`. Raises ConfigError, in one line."""
    kind = requirements.task_class(config.task)
    description = load_robot(config.robot, requirements.groups(config), _posture(kind, config.robot))
    period_s, looks = period_of(config.control_hz) * 1e-9, requirements.gaze_of(config)
    gaze = Gaze(description, period_s) if looks else None
    arm = Arm(description, bool(config.joint_group), gaze, moves_gaze=looks == "action")
    task = kind(arm, period_s, from_mapping(kind.Settings, config.settings("task"), f"task {config.task}"))
    action = _action(config.action or kind.action, arm, period_s, config.settings("action"))
    made = Parts(description, arm, task, action, observation_of(config, arm, task, encoder))
    _check_gaze(looks, made, config)
    return made


def observation_of(config: EnvConfig, arm: Arm, task: Task, encoder: factories.Encoder | None) -> ObservationSpace:
    """Return the observation of a policy with these settings while `arm` does `task`. Raises ConfigError, one line."""
    observation = _observation(config.observed, arm, config.settings("observation"), encoder)
    if config.goal_conditioned:
        observation = Goals(observation, config.observed)
        task.goal_reward(np.zeros((1, 3)), np.zeros((1, 3)))  # raises an error now, not in the middle of a training
    if config.task_memory:
        observation = WithMemory(observation, task)
    if config.task_labels:
        for name in config.task_labels:
            requirements.task_class(name)
        observation = WithLabel(observation, config.task, config.task_labels)
    return observation


def _posture(kind: type[Task], robot: str) -> str:
    """Return the name of the posture at the start of episodes. Raises ConfigError if the robot file misses an entry."""
    missing = requirements.missing(kind.needs, robot_config(robot))
    if missing:
        raise ConfigError(
            f"task {kind.__name__} needs {', '.join(missing)} in the robot file of {robot}, which lacks it; add it, or see "
            f"{command_line('list', 'what:=combinations')}"
        )
    return kind.posture


def _names(cls: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def _plain(value: Any) -> Any:
    """Return a path as text, and anything else unchanged."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _of_task(task: str, settings: Settings) -> Settings:
    """Return `settings`. Raises ConfigError for a name that is a setting neither of the task nor of the environment."""
    known = _names(requirements.task_class(task).Settings)
    for setting in settings:
        if setting not in known:
            ours = [*_names(EnvConfig), *_names(Connection), "freshness", "render_mode", "render_size"]
            raise ConfigError(f"task {task}: {unknown_name('setting', setting, [*known, *ours])}")
    return settings


def _action(name: str, arm: Arm, period_s: float, settings: Settings) -> Action:
    if name not in ACTIONS:
        raise ConfigError(unknown_name("action", name, ACTIONS))
    kind = ACTIONS[name]
    return kind(arm, period_s, from_mapping(kind.Settings, settings, f"action {name}"))


def _check_gaze(looks: str, made: Parts, config: EnvConfig) -> None:
    """Raise ConfigError, one line, if nothing can tell the eyes where to look."""
    if looks == "estimate" and not (isinstance(made.observation, SrlState) and made.observation.settings.estimate):
        raise ConfigError(
            "gaze estimate needs an estimate of the target: srl_model:=target_estimate observation.estimate:=true; or let the "
            "eyes look at something else: gaze:=hand"
        )
    search = settings_of("gaze_search", config.gaze_search)
    if search and looks != "estimate":
        raise ConfigError(
            "gaze_search has an effect only where the eyes look at an estimate of the target: gaze:=estimate; "
            "leave gaze_search out"
        )
    if made.arm.gaze is not None:
        made.arm.gaze.search_posture(search)  # raises an error now, not in the middle of a training
    labels = " ".join(getattr(made.action, "labels", ()))
    if looks == "action" and made.arm.gaze is not None and made.arm.gaze.joint_names[0] not in labels:
        raise ConfigError(
            f"gaze action needs an action that moves joints, such as joint_velocity; {type(made.action).__name__} moves the "
            "hand"
        )


def _observation(name: str, arm: Arm, settings: Settings, encoder: factories.Encoder | None) -> ObservationSpace:
    if name == SRL_STATE:
        if encoder is None:
            raise ConfigError(f"observation {SRL_STATE} needs an encoder; select one with srl_model")
        given = from_mapping(SrlState.Settings, settings, f"observation {SRL_STATE}")
        return SrlState(arm, encoder.state_dim, given, encoder.estimates)
    if name not in OBSERVATIONS:
        raise ConfigError(unknown_name("observation", name, [*OBSERVATIONS, SRL_STATE]))
    kind = OBSERVATIONS[name]
    return kind(arm, from_mapping(kind.Settings, settings, f"observation {name}"))


def _needed_by(config: EnvConfig, made: Parts) -> dict[str, str]:
    """Return stream of the robot contract -> the task or observation that needs it, for error messages."""
    needed = {}
    if made.task.signals:
        needed["world_state"] = f"task {config.task} ({', '.join(made.task.signals)})"
    if made.task.target_moves:
        needed["target_pose"] = f"task {config.task}, whose target moves,"
    if made.observation.cameras:
        needed["camera"] = f"observation {config.observed}"
    if config.encoder_folder:
        for camera in factories.encoder_cameras(config.encoder_folder):
            needed[f"camera/{camera}/image_raw"] = f"observation {config.observed}"
    return needed
