"""Serves the robot contract in lockstep for one robot in one namespace."""

from __future__ import annotations

from typing import Any, Protocol

from geometry_msgs.msg import PoseStamped, WrenchStamped
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger

from robot_interface_ros.cameras import pinholes
from robot_interface_ros.errors import RobotError
from robot_interface_ros.lockstep import LockstepRobot
from robot_interface_ros.robot import Episode, Observation
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.serving.camera_streams import CameraStreams
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.graph import crowd
from robot_interface_ros.ros.transport.refused import shortened
from robot_interface_ros.ros.transport.waiting import Waiter
from robot_interface_ros.ros.transport.wire import CommandReader, SerialWriter, stamp_ns

_MOST_CHARACTERS = 1000  # of the reason for refusing a command: it may quote a stranger


class Served(Protocol):
    """What a server asks of its robot, in lockstep or in real time."""

    joint_names: tuple[str, ...]

    @property
    def motion_enabled(self) -> bool:
        """Whether commands move the robot."""

    def emergency_stop(self) -> None:
        """Stop until `enable(True)`."""

    def enable(self, enabled: bool) -> None:
        """Allow motion, or stop it."""


class RobotServer:
    """Topics and services of one robot; `waiter.wait` runs them, one at a time, in the stepping thread.

    `services` is another node, spun by an executor in a thread of its own: it holds the parameters of the episode, and a
    parameter service completes only under an executor. An episode's parameters are read when `reset` comes.
    """

    def __init__(
        self,
        node: Node,
        waiter: Waiter,
        services: Node,
        namespace: str,
        robot: Served,
        description: RobotDescription,
        publish_joint_target: bool = False,
        clock: Any = None,
    ):
        """`clock`: a publisher of Clock for the stamp of every observation; None: there is none."""
        self._node, self._namespace, self._safe = node, namespace, robot
        first = self._begin(robot)  # which streams there are
        self._log = node.get_logger()
        n, root_frame = len(robot.joint_names), contract.frame(namespace, description.model.root)
        self._pose_writer = SerialWriter(messages.PoseWriter(root_frame), 3)
        self._state_writer = SerialWriter(messages.JointStateWriter(robot.joint_names), n, n, n)
        self._wrench_writer = messages.WrenchWriter(root_frame)
        self._signals_writer = messages.SignalsWriter(list(first.signals), root_frame)
        self._commands = CommandReader()
        self._target_writer = messages.JointStateWriter(robot.joint_names)

        def publisher(kind: type, name: str, qos: QoSProfile = contract.RELIABLE) -> Any:
            return node.create_publisher(kind, absolute(namespace, name), qos)

        # Before the other topics, so that a client that has found those knows whether there is this one.
        self._episode = publisher(String, contract.EPISODE, contract.LATCHED) if first.drawn else None
        self._seed = Episode().seed
        self._joint_states = publisher(JointState, contract.JOINT_STATES)
        self._joint_target = publisher(JointState, contract.JOINT_TARGET) if publish_joint_target else None
        self._target_pose = publisher(PoseStamped, contract.TARGET_POSE)
        self._contact = publisher(WrenchStamped, contract.CONTACT) if first.contact is not None else None
        self._world_state = publisher(JointState, contract.WORLD_STATE) if first.signals else None
        self._rejected = publisher(String, contract.COMMAND_REJECTED)
        self._cameras = CameraStreams(node, namespace, pinholes(robot), first)
        self._clock, self._time = clock, Clock()
        self._enabled = publisher(Bool, contract.MOTION_ENABLED, contract.LATCHED)
        self._description = publisher(String, contract.ROBOT_DESCRIPTION, contract.LATCHED)
        self._description.publish(String(data=description.urdf))
        self._announced = robot.motion_enabled
        self._enabled.publish(Bool(data=self._announced))

        waiter.subscribe(Bool, absolute(namespace, contract.EMERGENCY_STOP), self._on_emergency_stop)  # first in turn
        waiter.subscribe(JointState, absolute(namespace, contract.JOINT_COMMAND), self._on_command, raw=True)
        waiter.serve(Trigger, absolute(namespace, contract.RESET), self._on_reset)
        waiter.serve(SetBool, absolute(namespace, contract.ENABLE), self._on_enable)

        self._parameters = services
        services.add_on_set_parameters_callback(_check_episode)
        services.declare_parameter(contract.EPISODE_SEED, 0)
        services.declare_parameter(contract.EPISODE_TARGET, [0.0])  # anything but three numbers: the robot's own choice

    def publish(self, observation: Observation) -> None:
        """Publish every configured stream of one observation, all with its stamp."""
        if self._episode is not None and observation.drawn:
            self._episode.publish(messages.episode_message(observation.stamp, self._seed, observation.drawn))
        if observation.images:  # first: an encoder works while the rest is on its way
            self._cameras.publish(observation.stamp, observation.images, observation.depths)
        stamp, state, pose = observation.stamp, self._state_writer, self._pose_writer
        self._target_pose.publish(pose.write(stamp, observation.target_position))
        if self._contact is not None and observation.contact is not None:
            self._contact.publish(self._wrench_writer.write(stamp, observation.contact))
        if self._world_state is not None:
            self._world_state.publish(self._signals_writer.write(stamp, observation.signals))
        if self._joint_target is not None:
            self._joint_target.publish(self._target_writer.write(stamp, observation.joint_target))
        self._joint_states.publish(state.write(stamp, observation.position, observation.velocity, observation.effort))
        if self._clock is not None:
            self._time.clock = messages.to_time(stamp)
            self._clock.publish(self._time)

    def announce(self) -> None:
        """Publish whether commands move the robot, where that has changed."""
        enabled = self._safe.motion_enabled
        if enabled != self._announced:
            self._announced = enabled
            self._enabled.publish(Bool(data=enabled))
            self._log.info(f"{self._namespace}: motion {'enabled' if enabled else 'stopped'}")

    def _begin(self, robot: Any) -> Observation:
        """Return the first observation."""
        self._lockstep = LockstepRobot(robot)
        return self._lockstep.observation

    def _on_command(self, data: bytes) -> None:
        try:
            observation = self._lockstep.command(self._commands.read(data))
        except RobotError as error:
            self._reject(stamp_ns(data), str(error))
            return
        self.publish(observation)

    def _reject(self, stamp: int, reason: str) -> None:
        reason = shortened(reason, _MOST_CHARACTERS)
        self._log.warning(f"{self._namespace}: command refused: {reason}", throttle_duration_sec=1.0)
        self._rejected.publish(String(data=f"{stamp}: {reason}"))

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        others = crowd(self._node, self._namespace, contract.JOINT_COMMAND)
        if others:
            response.success, response.message = False, others
            return response
        try:
            observation = self._lockstep.reset(self._episode_asked())
        except RobotError as error:
            response.success, response.message = False, str(error)
            return response
        self.publish(observation)
        response.success, response.message = True, str(observation.stamp)
        return response

    def _episode_asked(self) -> Episode:
        """What the parameters say now."""
        self._seed = seed = self._parameters.get_parameter(contract.EPISODE_SEED).value
        target = self._parameters.get_parameter(contract.EPISODE_TARGET).value
        return Episode(seed, tuple(target) if len(target) == 3 else None)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._safe.enable(request.data)
        self.announce()
        response.success = True
        response.message = "motion enabled" if request.data else "motion disabled"
        return response

    def _on_emergency_stop(self, message: Bool) -> None:
        if message.data:  # false does nothing: only `enable` ends a stop
            self._safe.emergency_stop()
            self.announce()


def _check_episode(parameters: list[Parameter]) -> SetParametersResult:
    for parameter in parameters:
        if parameter.name == contract.EPISODE_SEED and parameter.value < 0:
            return SetParametersResult(successful=False, reason=f"episode.seed is {parameter.value}; use 0 or more")
        if parameter.name == contract.EPISODE_TARGET and len(parameter.value) not in (1, 3):
            return SetParametersResult(successful=False, reason="episode.target needs three numbers: x, y, z in m")
    return SetParametersResult(successful=True)
