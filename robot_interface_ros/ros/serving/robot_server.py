"""Serves the robot contract for one robot in one namespace, in lockstep or in real time."""

from __future__ import annotations

from collections.abc import Callable
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
from robot_interface_ros.errors import CommandRejected, RobotError
from robot_interface_ros.robot import Command, Episode, Observation, ResetEnd
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.serving.camera_streams import CameraStreams
from robot_interface_ros.ros.serving.robot_batch import RobotBatch
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.graph import conflict
from robot_interface_ros.ros.transport.refused import shortened
from robot_interface_ros.ros.transport.waiting import Deferred, Waiter
from robot_interface_ros.ros.transport.wire import CommandReader, SerialWriter, stamp_ns

_MOST_CHARACTERS = 1000  # of the reason of a refusal, which may quote text of an unknown client


class Served(Protocol):
    """The robot of a server. `LockstepRobot` and `RealTimeRobot` differ in how they handle stamps and resets."""

    joint_names: tuple[str, ...]
    observation: Observation
    """The last observation."""

    @property
    def in_lockstep(self) -> bool:
        """Whether each command and reset is answered at once by an observation; if not, a timer publishes."""

    @property
    def motion_enabled(self) -> bool:
        """Whether commands move the robot."""

    def command(self, command: Command) -> Observation | None:
        """Take a command; in lockstep, return the next observation. Raises RobotError if the command is refused."""

    def start_reset(self, episode: Callable[[], Episode], ended: ResetEnd) -> None:
        """Start a reset, and call `ended` now or in a later tick. Raises RobotError if the reset is refused."""

    def emergency_stop(self) -> None:
        """Stop until `enable(True)`."""

    def enable(self, enabled: bool) -> None:
        """Allow motion, or stop it."""


class RobotServer:
    """Topics and services of one robot; `waiter.wait` runs them, one at a time, in the stepping thread.

    `services` is another node, with an executor in its own thread: it has the episode parameters, and a parameter
    service completes only under an executor. A reset reads these parameters.
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
        batch: RobotBatch | None = None,
    ):
        """`publish_joint_target`: also in lockstep; `clock`: a publisher of Clock for the stamp of every observation.

        `batch`: this robot is one of its robots; then the streams that are in it are published only to subscribers.
        """
        self.node, self.waiter, self.namespace, self._robot = node, waiter, namespace, robot
        first = robot.observation  # shows which streams the robot has
        self._log = node.get_logger()
        n, root_frame = len(robot.joint_names), contract.frame(namespace, description.model.root)
        self._pose_writer = SerialWriter(messages.PoseWriter(root_frame), 3)
        self._state_writer = SerialWriter(messages.JointStateWriter(robot.joint_names), n, n, n)
        self._wrench_writer = messages.WrenchWriter(root_frame)
        self._signals_writer = messages.SignalsWriter(list(first.signals), root_frame)
        self._commands = CommandReader()
        self._target_writer = SerialWriter(messages.JointStateWriter(robot.joint_names), n)

        def publisher(kind: type, name: str, qos: QoSProfile = contract.RELIABLE) -> Any:
            return node.create_publisher(kind, absolute(namespace, name), qos)

        # Created before the other topics: a client that has found those then knows whether this one exists.
        self._episode = publisher(String, contract.EPISODE, contract.LATCHED) if first.drawn else None
        self._batch = batch
        if batch is not None:
            self._place = batch.join(self._take)
            self._placed = publisher(String, contract.BATCH, contract.LATCHED)
            self._placed.publish(self._place.message())
        self._seed = Episode().seed
        self._joint_states = publisher(JointState, contract.JOINT_STATES)
        with_target = publish_joint_target or not robot.in_lockstep
        self._joint_target = publisher(JointState, contract.JOINT_TARGET) if with_target else None
        self._target_pose = publisher(PoseStamped, contract.TARGET_POSE)
        self._contact = publisher(WrenchStamped, contract.CONTACT) if first.contact is not None else None
        self._world_state = publisher(JointState, contract.WORLD_STATE) if first.signals else None
        self._rejected = publisher(String, contract.COMMAND_REJECTED)
        self.cameras = CameraStreams(node, namespace, pinholes(robot), first)
        self._clock, self._time = clock, Clock()
        self._enabled = publisher(Bool, contract.MOTION_ENABLED, contract.LATCHED)
        self._description = publisher(String, contract.ROBOT_DESCRIPTION, contract.LATCHED)
        self._description.publish(String(data=description.urdf))
        self._announced = robot.motion_enabled
        self._enabled.publish(Bool(data=self._announced))

        waiter.subscribe(Bool, absolute(namespace, contract.EMERGENCY_STOP), self._on_emergency_stop)  # served first
        waiter.subscribe(JointState, absolute(namespace, contract.JOINT_COMMAND), self._on_command, raw=True)
        waiter.serve(Trigger, absolute(namespace, contract.RESET), self._on_reset)
        waiter.serve(SetBool, absolute(namespace, contract.ENABLE), self._on_enable)

        self._parameters = services
        services.add_on_set_parameters_callback(_check_episode)
        services.declare_parameter(contract.EPISODE_SEED, 0)
        services.declare_parameter(contract.EPISODE_TARGET, [0.0])  # not three numbers: the robot chooses

    def publish(self, observation: Observation) -> None:
        """Publish every configured stream of one observation, all with its stamp."""
        if self._episode is not None and observation.drawn:
            self._episode.publish(messages.episode_message(observation.stamp, self._seed, observation.drawn))
        if observation.images:  # first: an encoder then works while the other streams are sent
            self.cameras.publish(observation.stamp, observation.images, observation.depths)
        stamp, state, pose = observation.stamp, self._state_writer, self._pose_writer
        if self._batch is not None:
            self._batch.answer(self._place, observation)
        if self._awaited(self._target_pose):
            self._target_pose.publish(pose.write(stamp, observation.target_position))
        if self._contact is not None and observation.contact is not None and self._awaited(self._contact):
            self._contact.publish(self._wrench_writer.write(stamp, observation.contact))
        if self._world_state is not None and self._awaited(self._world_state):
            self._world_state.publish(self._signals_writer.write(stamp, observation.signals))
        if self._joint_target is not None:
            self._joint_target.publish(self._target_writer.write(stamp, observation.joint_target))
        if self._awaited(self._joint_states):
            self._joint_states.publish(
                state.write(stamp, observation.position, observation.velocity, observation.effort)
            )
        if self._clock is not None:
            self._time.clock = messages.to_time(stamp)
            self._clock.publish(self._time)

    def _awaited(self, publisher: Any) -> bool:
        """Whether a stream is published: with a batch, which has its numbers, only to subscribers."""
        return self._batch is None or bool(publisher.get_subscription_count())

    def announce(self) -> None:
        """Publish whether commands move the robot, if that has changed."""
        enabled = self._robot.motion_enabled
        if enabled != self._announced:
            self._announced = enabled
            self._enabled.publish(Bool(data=enabled))
            self._log.info(f"{self.namespace}: motion {'enabled' if enabled else 'stopped'}")

    def _on_command(self, data: bytes) -> None:
        try:
            command = self._commands.read(data)
        except RobotError as error:
            self._reject(stamp_ns(data), str(error))
            return
        self._take(command)

    def _take(self, command: Command) -> None:
        try:
            answer = self._robot.command(command)
        except RobotError as error:
            self._reject(command.stamp, str(error))
            return
        if answer is not None:
            self.publish(answer)

    def _reject(self, stamp: int, reason: str) -> None:
        reason = shortened(reason, _MOST_CHARACTERS)
        self._log.warning(f"{self.namespace}: command refused: {reason}", throttle_duration_sec=1.0)
        self._rejected.publish(String(data=f"{stamp}: {reason}"))

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Deferred:
        """Answer when the reset has ended; in real time that is some ticks later, and a stop takes effect meanwhile."""
        later = Deferred()

        def ended(result: Observation | RobotError) -> None:
            response.success = isinstance(result, Observation)
            response.message = str(result.stamp) if isinstance(result, Observation) else str(result)
            if isinstance(result, Observation) and self._robot.in_lockstep:
                self.publish(result)
            later.answer(response)

        others = conflict(self.node, self.namespace, contract.JOINT_COMMAND)
        try:
            if others:
                raise CommandRejected(others)
            self._robot.start_reset(self._requested_episode, ended)
        except RobotError as error:
            ended(error)
        return later

    def _requested_episode(self) -> Episode:
        """Return the episode of the current parameters."""
        self._seed = seed = self._parameters.get_parameter(contract.EPISODE_SEED).value
        target = self._parameters.get_parameter(contract.EPISODE_TARGET).value
        return Episode(seed, tuple(target) if len(target) == 3 else None)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._robot.enable(request.data)
        self.announce()
        response.success = True
        response.message = "motion enabled" if request.data else "motion disabled"
        return response

    def _on_emergency_stop(self, message: Bool) -> None:
        if message.data:  # false does nothing: only `enable` ends a stop
            self._robot.emergency_stop()
            self.announce()


def _check_episode(parameters: list[Parameter]) -> SetParametersResult:
    for parameter in parameters:
        if parameter.name == contract.EPISODE_SEED and parameter.value < 0:
            return SetParametersResult(successful=False, reason=f"episode.seed is {parameter.value}; use 0 or more")
        if parameter.name == contract.EPISODE_TARGET and len(parameter.value) not in (1, 3):
            return SetParametersResult(successful=False, reason="episode.target needs three numbers: x, y, z in m")
    return SetParametersResult(successful=True)
