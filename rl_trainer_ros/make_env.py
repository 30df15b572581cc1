"""Builds environments from names and settings: in process by default, over topics by argument."""

from __future__ import annotations

from typing import Any

from rl_trainer_ros import doors
from rl_trainer_ros.actions import JointVelocityAction
from rl_trainer_ros.arm import Arm
from rl_trainer_ros.encoded_robot import EncodedRobot
from rl_trainer_ros.environment import RobotEnv
from rl_trainer_ros.observations import GroundTruth, ObservationSpace, SrlState
from rl_trainer_ros.tasks import TASKS
from rl_trainer_ros.trainer_config import CAMERA
from robot_interface_ros.config import ConfigError, unknown_name
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.robot import Robot
from robot_interface_ros.robot_config import RobotDescription, load_robot

TRANSPORTS = ("in_process", "topics")


def make_robot_env(
    task: str = "reach",
    robot: str = "inmoov",
    *,
    transport: str = "in_process",
    namespace: str = "/env_0",
    control_hz: float = 20.0,
    srl_folder: str | None = None,
    simulation: dict[str, Any] | None = None,
    runtime: Any = None,
    patience: Any = None,
    shared: Any = None,
    **task_settings: Any,
) -> RobotEnv:
    """Return an environment without a time limit; `gymnasium.make` and `training` add theirs.

    `transport`: "in_process" simulates here; "topics" uses whoever serves the robot contract in `namespace`.
    `srl_folder`: a trained encoder, whose state replaces the target's true place in the observation.
    `simulation`: settings of an in-process simulation, as the simulator node's parameters.
    `runtime`, `patience`, `shared`: over topics, an open Runtime, a Patience, and a SharedWaiter for several robots; None
    makes its own.
    `task_settings`: keyword arguments of the task.
    """
    if task not in TASKS:
        raise ConfigError(unknown_name("task", task, TASKS))
    description = load_robot(robot)
    arm = Arm(description)
    period_s = period_of(control_hz) * 1e-9
    try:
        the_task = TASKS[task](arm, period_s, **task_settings)
    except TypeError as error:
        raise ConfigError(f"task {task}: {error}") from None
    encoder = doors.load_encoder(srl_folder) if srl_folder else None
    observation: ObservationSpace = SrlState(arm, encoder.state_dim) if encoder else GroundTruth(arm)
    cameras = (CAMERA,) if encoder else ()
    the_robot: Robot
    if transport == "in_process":
        settings = {"robot": robot, "control_hz": control_hz, "cameras": cameras, **(simulation or {})}
        the_robot = doors.simulated_robot(**settings)
        if encoder:
            the_robot = EncodedRobot(the_robot, encoder, CAMERA)
    elif transport == "topics":
        the_robot = _topic_robot(runtime, description, namespace, period_of(control_hz), patience, encoder, shared)
    else:
        raise ConfigError(unknown_name("transport", transport, TRANSPORTS))
    return RobotEnv(the_robot, arm, the_task, JointVelocityAction(arm, period_s), observation)


def _topic_robot(
    runtime: Any,
    description: RobotDescription,
    namespace: str,
    period_ns: int,
    patience: Any,
    encoder: doors.Encoder | None,
    shared: Any,
) -> Robot:
    """The only way from here to ROS: imported when topics are asked for."""
    from rl_trainer_ros.ros.topic_robot import OwnedTopicRobot, TopicRobot

    kind = TopicRobot if runtime is not None else OwnedTopicRobot
    return kind(
        runtime,
        description,
        namespace,
        period_ns=period_ns,
        patience=patience,
        encoder_id=encoder.id if encoder else None,
        shared=shared,
    )
