"""A robot behind the topics of the robot contract, as the same `Robot` that an in-process simulation is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from robot_interface_ros.config import option
from robot_interface_ros.errors import CommandRejected, RobotError, RobotInterrupted, RobotTimeout, StopRequested
from robot_interface_ros.limits import TargetLimiter
from robot_interface_ros.lockstep import Awaited
from robot_interface_ros.robot import NO_IMAGES, Array, Command, Episode, Observation
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros import contract, messages
from robot_interface_ros.ros.contract import absolute
from robot_interface_ros.ros.runtime import Runtime
from robot_interface_ros.ros.waiting import make_waiter


@dataclass(frozen=True)
class Patience:
    """How long to wait for a robot; every wait is bounded by one of these."""

    start_timeout_s: float = option(60.0, "for the robot's endpoints and for a reset", minimum=0.1, maximum=3600.0)
    parameters_timeout_s: float = option(
        5.0, "for the parameters of an episode, which a robot may lack", minimum=0.0, maximum=60.0
    )
    answer_timeout_s: float = option(
        30.0, "for the answer to a command; covers a restart of the simulator", minimum=0.05, maximum=3600.0
    )
    repeat_after_s: float = option(0.5, "before a command, or a lost reset, is repeated", minimum=0.001, maximum=60.0)


_MOST_CUTS = 5
_CAUSE = "is robot_sim_node (or your robot's driver) running in that namespace and ROS_DOMAIN_ID?"
_SRL_CAUSE = "is srl_node running for that namespace?"


class TopicRobot:
    """Client of one robot in lockstep.

    It publishes a command with the stamp of the observation that it answers and takes the one observation whose stamp is
    a period later, of every stream. A command without an answer is repeated, alternately with a question for the current
    observation (stamp zero); both are harmless to repeat. When the time is over the error names robot, topics and cause.
    """

    def __init__(
        self,
        runtime: Runtime,
        description: RobotDescription,
        namespace: str = "/env_0",
        *,
        period_ns: int,
        cameras: tuple[str, ...] = (),
        encoder_id: str | None = None,
        patience: Patience | None = None,
    ):
        """`cameras`: images to await with every observation; `encoder_id`: await this encoder's states as well."""
        self.joint_names = description.joint_names
        self.period_ns = period_ns
        self._runtime, self._description, self._namespace = runtime, description, namespace
        self._patience = patience or Patience()
        self._limiter = TargetLimiter(description.limits, description.max_acceleration, period_ns * 1e-9)
        self._node = Node(
            "trainer_robot",
            namespace=namespace,
            context=runtime.context,
            start_parameter_services=False,
            enable_rosout=False,
            use_global_arguments=False,
        )
        self._waiter = make_waiter(self._node)
        self._forget_waiter = runtime.on_stop(self._waiter.wake)

        self._cameras = cameras
        kinds: dict[str, Any] = {contract.JOINT_STATES: JointState, contract.TARGET_POSE: PoseStamped}
        kinds.update({contract.image_topic(camera): Image for camera in cameras})
        if encoder_id is not None:
            kinds[contract.SRL_STATE] = JointState
        self._awaited = Awaited(namespace, kinds, period_ns)
        self._subscriptions = {name: self._subscribe(kind, name) for name, kind in kinds.items()}
        self._waiter.subscribe(String, absolute(namespace, contract.COMMAND_REJECTED), self._on_rejected)
        self._publisher = self._node.create_publisher(
            JointState, absolute(namespace, contract.JOINT_COMMAND), contract.RELIABLE
        )
        self._reset_client = self._waiter.client(Trigger, absolute(namespace, contract.RESET))
        self._episode_client = self._waiter.client(
            SetParameters, absolute(namespace, f"{contract.PARAMETER_NODE}/set_parameters")
        )

        self._takes_episodes: bool | None = None
        self._stamp = 0
        self._encoder_id = encoder_id
        self._joint_target = description.rest
        self._command: JointState | None = None
        self._question = JointState()
        self._writers: dict[tuple[str, ...], messages.JointStateWriter] = {}
        self._rejection = ""
        self._cuts = 0  # interruptions since the last command that was answered

    def reset(self, episode: Episode) -> Observation:
        """Start an episode; see Robot. Also finds a robot that is new, was restarted or moved on without us."""
        deadline = time.monotonic() + self._patience.start_timeout_s
        while True:
            try:
                return self._start_episode(episode, deadline)
            except RobotInterrupted as error:  # restarted again in the middle of this: start over
                if time.monotonic() >= deadline:
                    waited = f"within {self._patience.start_timeout_s:g} s"
                    raise RobotTimeout(f"{self._namespace}: every reset was cut short {waited}: {error}") from None

    def _start_episode(self, episode: Episode, deadline: float) -> Observation:
        self._awaited.expect_any()
        self._command = None
        self._await_endpoints(deadline)
        if self._has_episode_parameters(deadline):
            self._call(self._episode_client, _episode_request(episode), deadline, "set the episode's parameters")
        answer = self._call(self._reset_client, Trigger.Request(), deadline, "reset")
        if not answer.message.isdecimal():
            raise RobotError(
                f"{self._reset_client.srv_name} answered '{answer.message}'; expected the new observation's stamp in ns"
            )
        self._stamp = int(answer.message)
        self._awaited.expect(self._stamp)
        self._limiter.restart(self._description.rest)
        self._joint_target = self._limiter.target
        observation = self._receive(deadline)
        if self._takes_episodes and episode.target not in (None, tuple(observation.target_position.tolist())):
            raise RobotInterrupted(f"{self._namespace} was restarted between the episode's parameters and its reset")
        return observation

    def send(self, command: Command) -> None:
        """Publish the command; see Robot."""
        if command.stamp != self._stamp:
            raise CommandRejected(
                f"{self._namespace}: the command answers observation {command.stamp}, but the last one is {self._stamp}"
            )
        self._limiter.accept(command)
        self._command = self._writer(command.names).write(command.stamp, command.position)
        self._rejection = ""
        self._awaited.expect(self._stamp + self.period_ns)
        self._publisher.publish(self._command)
        self._joint_target = self._limiter.step()  # while the robot is at work

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Wait for the answer to the last command; see Robot.

        Raises RobotError when every command of the last _MOST_CUTS episodes was cut: no reset helps there.
        """
        timeout_s = timeout_s if timeout_s is not None else self._patience.answer_timeout_s
        try:
            observation = self._receive(time.monotonic() + timeout_s)
        except RobotInterrupted as error:
            self._cuts += 1
            if self._cuts == _MOST_CUTS:
                raise RobotError(
                    f"{self._namespace}: {_MOST_CUTS} episodes in a row were cut at their first command; does another client "
                    f"command it, or does it run at another control rate than {1e9 / self.period_ns:g} Hz? The last: {error}"
                ) from None
            raise
        self._cuts = 0
        return observation

    def close(self) -> None:
        """Leave the topics; safe to call twice."""
        if self._node is not None:
            self._forget_waiter()
            self._waiter.close()
            self._node.destroy_node()
            self._node = None

    def _receive(self, deadline: float) -> Observation:
        awaited, waiter = self._awaited, self._waiter
        repeat_at = time.monotonic() + self._patience.repeat_after_s
        repeats = 0
        while not awaited.complete:
            now = time.monotonic()
            if now >= deadline:
                raise self._no_answer()
            if now >= repeat_at:
                ask = self._command if self._command is not None and repeats % 2 == 0 else self._question
                self._rejection = ""
                self._publisher.publish(ask)
                repeats += 1
                repeat_at = now + self._patience.repeat_after_s
            waiter.wait(min(deadline, repeat_at) - now)
            self._check_running()
            if self._rejection and repeats:  # before that it may have been another's command that was refused
                raise RobotInterrupted(f"{self._namespace} refused the command: {self._rejection}")
        return self._observation()

    def _writer(self, names: tuple[str, ...]) -> messages.JointStateWriter:
        if names not in self._writers:
            self._writers[names] = messages.JointStateWriter(names)
        return self._writers[names]

    def _observation(self) -> Observation:
        parts = self._awaited.parts
        position, velocity, effort = messages.joint_state_to_arrays(parts[contract.JOINT_STATES], self.joint_names)
        images = (
            {camera: messages.image_array(parts[contract.image_topic(camera)]) for camera in self._cameras}
            if self._cameras
            else NO_IMAGES
        )
        self._stamp += self.period_ns if self._command is not None else 0
        return Observation(
            self._stamp,
            position,
            velocity,
            effort,
            messages.pose_position(parts[contract.TARGET_POSE]),
            self._joint_target,
            images,
            self._srl_state(parts.get(contract.SRL_STATE)),
        )

    def _srl_state(self, message: JointState | None) -> Array | None:
        if message is None:
            return None
        if message.header.frame_id != self._encoder_id:
            raise RobotError(
                f"{self._namespace}: states come from encoder {message.header.frame_id}, but {self._encoder_id} "
                "was asked for, and states of different encoders mean different things. Start the SRL node with "
                "the same srl_folder"
            )
        return messages.srl_state_array(message)

    def _subscribe(self, kind: Any, name: str) -> Any:
        awaited = self._awaited
        return self._waiter.subscribe(
            kind,
            absolute(self._namespace, name),
            lambda message: awaited.offer(name, messages.stamp_ns(message), message),
        )

    def _on_rejected(self, message: String) -> None:
        stamp, _, reason = message.data.partition(": ")
        if self._command is not None and stamp == str(messages.stamp_ns(self._command)):
            self._rejection = reason

    def _await_endpoints(self, deadline: float) -> None:
        while True:
            missing = [
                absolute(self._namespace, name)
                for name, subscription in self._subscriptions.items()
                if not self._node.count_publishers(subscription.topic_name)
            ]
            if not self._publisher.get_subscription_count():
                missing.append(absolute(self._namespace, contract.JOINT_COMMAND))
            if not self._reset_client.service_is_ready():
                missing.append(self._reset_client.srv_name)
            if not missing:
                return
            if time.monotonic() >= deadline:
                raise RobotTimeout(self._nobody_serves(missing))
            self._waiter.wait(0.05)  # discovery wakes nobody: look again
            self._check_running()

    def _has_episode_parameters(self, deadline: float) -> bool:
        """Whether this robot takes seed and target of an episode; one that does not is told so once and goes on."""
        if self._takes_episodes is False:
            return False
        if self._takes_episodes is None:
            deadline = min(deadline, time.monotonic() + self._patience.parameters_timeout_s)
        client = self._episode_client
        while not client.service_is_ready() and time.monotonic() < deadline:
            self._waiter.wait(0.02)
            self._check_running()
        if not client.service_is_ready() and self._takes_episodes:  # going on would quietly be another task
            raise RobotTimeout(self._nobody_serves([client.srv_name]))
        self._takes_episodes = client.service_is_ready()
        if not self._takes_episodes:
            self._node.get_logger().warning(
                f"{client.srv_name} is not served: this robot chooses targets itself, and its episodes cannot be repeated"
            )
        return self._takes_episodes

    def _call(self, client: Any, request: Any, deadline: float, what: str) -> Any:
        """Call until one call is answered well. Only the last call's answer counts: earlier ones may be late.

        Each call is given twice as long as the one before, so that a robot that is slow to answer is heard in the end.
        """
        refusal, patience_s = "", self._patience.repeat_after_s
        while True:
            future = client.call_async(request)
            patience_s *= 2
            repeat_at = min(deadline, time.monotonic() + patience_s)
            while not future.done() and time.monotonic() < repeat_at:
                self._waiter.wait(repeat_at - time.monotonic())
                self._check_running()
            if future.done():
                response = future.result()
                refusal = _refusal(response)
                if not refusal:
                    return response
            else:
                client.remove_pending_request(future)
            if time.monotonic() >= deadline:
                waited = f"within {self._patience.start_timeout_s:g} s"
                if refusal:
                    raise RobotTimeout(f"{self._namespace}: {client.srv_name} refused to {what} {waited}: {refusal}")
                raise RobotTimeout(f"{self._namespace}: no answer to {what} from {client.srv_name} {waited}; {_CAUSE}")
            if refusal:
                patience_s = self._patience.repeat_after_s
                self._waiter.wait(min(0.2, max(0.0, deadline - time.monotonic())))  # it may be allowed to go on

    def _no_answer(self) -> RobotError:
        missing = self._awaited.missing
        oldest = self._awaited.oldest
        if oldest is not None and oldest < self._stamp:
            return RobotInterrupted(f"the stamps of {self._namespace} went back: it was restarted")
        topics = ", ".join(absolute(self._namespace, name) for name in missing)
        cause = _SRL_CAUSE if missing == [contract.SRL_STATE] else _CAUSE
        return RobotTimeout(
            f"{self._namespace}: no answer on {topics} within {self._patience.answer_timeout_s:g} s; {cause}"
        )

    def _nobody_serves(self, names: list[str]) -> str:
        cause = _SRL_CAUSE if names == [absolute(self._namespace, contract.SRL_STATE)] else _CAUSE
        return (
            f"{self._namespace}: nobody serves {', '.join(names)} within {self._patience.start_timeout_s:g} s; {cause}"
        )

    def _check_running(self) -> None:
        if self._runtime.stop_requested:
            raise StopRequested


def _episode_request(episode: Episode) -> SetParameters.Request:
    target = list(episode.target) if episode.target is not None else [0.0]
    if not np.all(np.isfinite(target)):
        raise RobotError(f"episode target is {episode.target}; expected three finite numbers, m")
    return SetParameters.Request(
        parameters=[
            Parameter(contract.EPISODE_SEED, Parameter.Type.INTEGER, episode.seed).to_parameter_msg(),
            Parameter(contract.EPISODE_TARGET, Parameter.Type.DOUBLE_ARRAY, target).to_parameter_msg(),
        ]
    )


def _refusal(response: Any) -> str:
    """Return why a service refused; empty when it did not."""
    if isinstance(response, Trigger.Response):
        return "" if response.success else response.message or "refused without a reason"
    return "; ".join(result.reason for result in response.results if not result.successful)


class OwnedTopicRobot(TopicRobot):
    """A TopicRobot with a Runtime of its own, for an environment that nobody gave one."""

    def __init__(self, runtime: None, description: RobotDescription, namespace: str = "/env_0", **settings: Any):
        super().__init__(Runtime(signals=False), description, namespace, **settings)

    def close(self) -> None:
        """Leave the topics and shut rclpy down; safe to call twice."""
        super().close()
        self._runtime.close()
