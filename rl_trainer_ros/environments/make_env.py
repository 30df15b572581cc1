"""Builds environments from names and settings: in process by default, over topics by argument."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from rl_trainer_ros import factories
from rl_trainer_ros.actions import ACTIONS, Action
from rl_trainer_ros.arm.arm import Arm
from rl_trainer_ros.environments import requirements
from rl_trainer_ros.environments.encoded_robot import EncodedRobot
from rl_trainer_ros.environments.environment import GoalRobotEnv, RobotEnv
from rl_trainer_ros.environments.episode_options import EpisodeOptions
from rl_trainer_ros.environments.frame_stack import stacked
from rl_trainer_ros.environments.rendering import SIZE, check_render_mode, view_of
from rl_trainer_ros.observations import OBSERVATIONS, Goals, ObservationSpace, SrlState, WithMemory
from rl_trainer_ros.tasks import Task
from rl_trainer_ros.training.trainer_config import CAMERA, SRL_STATE, observed
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, from_mapping, unknown_name
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.names import check_namespace
from robot_interface_ros.realtime.newest import Freshness
from robot_interface_ros.robot import Robot
from robot_interface_ros.robot_config import RobotDescription, load_robot, robot_config

TRANSPORTS = ("in_process", "topics")
Settings = Mapping[str, Any]


def make_robot_env(
    task: str = "reach",
    robot: str = "inmoov",
    *,
    action: str = "",
    observation: str = "",
    joint_group: str = "",
    action_settings: Settings | None = None,
    observation_settings: Settings | None = None,
    action_repeat: int = 1,
    action_noise: float = 0.0,
    frame_stack: int = 1,
    random_start: int = 0,
    goal_conditioned: bool = False,
    task_memory: bool = False,
    transport: str = "in_process",
    namespace: str = "/env_0",
    control_hz: float = 20.0,
    srl_folder: str | None = None,
    simulation: dict[str, Any] | None = None,
    runtime: Any = None,
    timeouts: Any = None,
    shared: Any = None,
    realtime: bool = False,
    freshness: Settings | None = None,
    render_mode: str | None = None,
    render_size: int = SIZE,
    task_settings: Settings | None = None,
    **more_task_settings: Any,
) -> RobotEnv:
    """Return an environment without a time limit, observing one frame; `make_env`, training and evaluation add theirs.

    `action`, `observation`: names in ACTIONS and OBSERVATIONS; empty: the task's own action, and ground_truth or, with an
    encoder, srl_state. `joint_group`: the group of the robot's joints that moves, or all; empty: those that move the hand.
    `action_repeat`, `action_noise`, `frame_stack`, `random_start`, `goal_conditioned`: see EpisodeOptions. Frames are stacked
    around the environment, by `frame_stack.limited`.
    `task_memory`: what the task remembers of the episode is in the observation too.
    `transport`: "in_process" simulates here; "topics" uses whoever serves the robot contract in `namespace`.
    `srl_folder`: a trained encoder, whose state replaces the target's true place in the observation.
    `simulation`: settings of an in-process simulation, as the simulator node's parameters.
    `runtime`, `patience`, `shared`: over topics, an open Runtime, a Patience, and a SharedWaiter for several robots; None
    makes its own.
    `realtime`: over topics, the robot lives at its own rate; `freshness`: what may pass for an observation then, as the
    fields of `robot_interface_ros.realtime.newest.Freshness`.
    `render_mode`: rgb_array, for `render()` to return pictures of `render_size` x `render_size` pixels; see rendering.py.
    `task_settings`: settings of the task; what else is given by keyword counts among them.
    """
    check_render_mode(render_mode)
    options = from_mapping(
        EpisodeOptions,
        {
            "action_repeat": action_repeat,
            "action_noise": action_noise,
            "frame_stack": frame_stack,
            "random_start": random_start,
            "goal_conditioned": goal_conditioned,
        },
        "environment",
    )
    encoder = factories.load_encoder(srl_folder) if srl_folder else None
    observation = observed(observation, encoder is not None, goal_conditioned)
    description, arm, the_task, the_action, the_observation = parts(
        task,
        robot,
        action,
        observation,
        joint_group,
        {**(task_settings or {}), **_own(task, more_task_settings)},
        action_settings or {},
        observation_settings or {},
        goal_conditioned,
        control_hz,
        encoder,
        task_memory,
    )
    period_ns = period_of(control_hz)
    the_robot: Robot
    if transport == "in_process":
        asked = requirements.simulation_settings(task, observation, observation_settings or {}, joint_group)
        settings = {"robot": robot, "control_hz": control_hz, **asked, **(simulation or {})}
        the_robot = factories.simulated_robot(**settings)
        if encoder:
            the_robot = EncodedRobot(the_robot, encoder, CAMERA)
    elif transport == "topics":
        check_namespace(namespace)
        the_robot = _topic_robot(
            runtime,
            description,
            namespace,
            period_ns=period_ns,
            timeouts=timeouts,
            shared=shared,
            encoder_id=encoder.id if encoder else None,
            cameras=the_observation.cameras,
            world_state=bool(the_task.signals),
            needed_by=_needed_by(task, the_task, observation, the_observation.cameras, encoder is not None),
            freshness=from_mapping(Freshness, freshness, "freshness") if realtime else None,
        )
    else:
        raise ConfigError(unknown_name("transport", transport, TRANSPORTS))
    environment = GoalRobotEnv if goal_conditioned else RobotEnv
    try:
        show = view_of(the_robot, the_observation.cameras, render_size) if render_mode else None
    except ConfigError:
        the_robot.close()
        raise
    return environment(the_robot, arm, the_task, the_action, the_observation, options, show)


class Parts(NamedTuple):
    """What an environment is made of, but for the robot itself and the way to it."""

    description: RobotDescription
    arm: Arm
    task: Task
    action: Action
    observation: ObservationSpace


def parts(
    task: str,
    robot: str,
    action: str,
    observation: str,
    joint_group: str,
    task_settings: Settings,
    action_settings: Settings,
    observation_settings: Settings,
    goal_conditioned: bool,
    control_hz: float,
    encoder: factories.Encoder | None,
    task_memory: bool = False,
) -> Parts:
    """Return the parts of an environment; arguments are those of `make_robot_env`. Raises ConfigError, one line."""
    kind = requirements.task_class(task)
    description = load_robot(robot, requirements.groups(joint_group), _posture(kind, robot))
    arm = Arm(description, all_joints=bool(joint_group))
    period_s = period_of(control_hz) * 1e-9
    the_task = kind(arm, period_s, from_mapping(kind.Settings, task_settings, f"task {task}"))
    the_action = _action(action or kind.action, arm, period_s, action_settings)
    the_observation = _observation(observation, arm, observation_settings, encoder)
    if goal_conditioned:
        the_observation = Goals(the_observation, observation)
        the_task.goal_reward(np.zeros((1, 3)), np.zeros((1, 3)))  # an error now rather than in the middle of training
    if task_memory:
        the_observation = WithMemory(the_observation, the_task)
    return Parts(description, arm, the_task, the_action, the_observation)


def make_env(**settings: Any) -> gymnasium.Env[Any, Any]:
    """Return what `gymnasium.make` puts its time limit around; the settings are those of `make_robot_env`."""
    return stacked(make_robot_env(**settings), settings.get("frame_stack", 1))


def _posture(kind: type[Task], robot: str) -> str:
    """The posture in which the task's episodes begin. Raises ConfigError where the robot lacks what the task needs."""
    lacks = requirements.missing(kind.needs, robot_config(robot))
    if lacks:
        raise ConfigError(
            f"task {kind.__name__} needs {', '.join(lacks)} of the robot, and {robot} has none in its file; add it, or see "
            f"{command_line('list', 'what:=combinations')}"
        )
    return kind.posture


def _own(task: str, settings: Settings) -> Settings:
    """The same settings, given by keyword. Raises ConfigError for what is neither the task's nor the environment's."""
    known = [field.name for field in dataclasses.fields(requirements.task_class(task).Settings)]
    for setting in settings:
        if setting not in known:
            ours = list(inspect.signature(make_robot_env).parameters)[:-1]
            raise ConfigError(f"task {task}: {unknown_name('setting', setting, [*known, *ours])}")
    return settings


def _action(name: str, arm: Arm, period_s: float, settings: Settings) -> Action:
    if name not in ACTIONS:
        raise ConfigError(unknown_name("action", name, ACTIONS))
    kind = ACTIONS[name]
    return kind(arm, period_s, from_mapping(kind.Settings, settings, f"action {name}"))


def _observation(name: str, arm: Arm, settings: Settings, encoder: factories.Encoder | None) -> ObservationSpace:
    if name == SRL_STATE:
        if encoder is None:
            raise ConfigError(f"observation {SRL_STATE} is an encoder's; choose an srl_model, whose state it is")
        return SrlState(arm, encoder.state_dim)
    if name not in OBSERVATIONS:
        raise ConfigError(unknown_name("observation", name, [*OBSERVATIONS, SRL_STATE]))
    kind = OBSERVATIONS[name]
    return kind(arm, from_mapping(kind.Settings, settings, f"observation {name}"))


def _needed_by(task: str, kind: Task, observation: str, cameras: tuple[str, ...], encoded: bool) -> dict[str, str]:
    """Stream of the robot contract -> who cannot be without it."""
    needed = {}
    if kind.signals:
        needed["world_state"] = f"task {task} ({', '.join(kind.signals)})"
    if kind.target_moves:
        needed["target_pose"] = f"task {task}, whose target moves,"
    if cameras:
        needed["camera"] = f"observation {observation}"
    if encoded:
        needed[f"camera/{CAMERA}/image_raw"] = f"observation {observation}"
    return needed


def _topic_robot(
    runtime: Any, description: RobotDescription, namespace: str, freshness: Freshness | None, **settings: Any
) -> Robot:
    """The only way from here to ROS: imported when topics are asked for. `freshness`: in real time; None: in lockstep."""
    if freshness is not None:
        from rl_trainer_ros.ros.realtime_robot import OwnedRealTimeTopicRobot, RealTimeTopicRobot

        living = RealTimeTopicRobot if runtime is not None else OwnedRealTimeTopicRobot
        return living(runtime, description, namespace, freshness=freshness, **settings)
    from rl_trainer_ros.ros.topic_robot import OwnedTopicRobot, TopicRobot

    kind = TopicRobot if runtime is not None else OwnedTopicRobot
    return kind(runtime, description, namespace, **settings)
