"""A robot behind the topics of the robot contract, as the same `Robot` that an in-process simulation is."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from rl_trainer_ros.ros.robot_client.camera_parts import CameraParts
from rl_trainer_ros.ros.robot_client.episode_calls import EpisodeCalls
from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts, likely_cause
from robot_interface_ros.errors import (
    CommandRejected,
    NotFinite,
    RobotError,
    RobotInterrupted,
    RobotTimeout,
    StopRequested,
)
from robot_interface_ros.lockstep import StampCollector
from robot_interface_ros.robot import NOTHING, Array, Command, Episode, Observation
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.transport import contract, messages, offered_qos, wire
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.graph import crowd, robots
from robot_interface_ros.ros.transport.messages import UnreadableMessage
from robot_interface_ros.ros.transport.refused import shortened
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.two_of_a_kind import two_of_a_kind
from robot_interface_ros.safety.finite import check_finite
from robot_interface_ros.safety.limits import TargetLimiter

_MOST_CUTS = 5
FORGOTTEN_S = 25.0  # a process that was killed is in the graph for 20 s
_YOUNG_S = 5.0  # so long after its start a client finds robots that were there before it
_REST_RAD = 0.2  # further than so from the file's rest, a reset leads somewhere else
_WITHOUT = {  # what a robot may lack, and what counts then
    contract.TARGET_POSE: "the trainer's own target counts, and does not move",
    contract.JOINT_TARGET: "actions start from what was commanded, within the limits and near what is measured",
    contract.COMMAND_REJECTED: "a command that it refuses is not noticed",
}


class _Yields(Exception):
    """Another client commands the robot, and was there first."""


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
        depth_cameras: tuple[str, ...] = (),
        image_sizes: Mapping[str, tuple[int, int]] | None = None,
        encoder_id: str | None = None,
        contact: bool = False,
        world_state: bool = False,
        needed_by: Mapping[str, str] = NOTHING,
        timeouts: Timeouts | None = None,
        shared: SharedWaiter | None = None,
    ):
        """`cameras`, `depth_cameras`: images and depths to await with every observation, in `image_sizes` (width, height).

        `encoder_id`: await this encoder's states as well; `contact`, `world_state`: what the end effector feels, and signals.
        `needed_by`: stream (`camera`: all of them) -> who needs it, for the error where the robot does not publish it; also of
        streams that others read, such as the image that an encoder turns into a state.
        `shared`: node and wait set of all robots of this process; None: this one has its own.
        """
        self.joint_names = description.joint_names
        self.period_ns = period_ns
        self._runtime, self._description, self._namespace = runtime, description, namespace
        self.namespace, self._made = namespace, time.monotonic()
        self._patience = timeouts or Timeouts()
        self._limiter = TargetLimiter(description.limits, description.max_acceleration, period_ns * 1e-9)
        shared = shared or SharedWaiter(runtime, (namespace,))
        self._node, self._waiter, self._open = shared.node, shared.part(), True

        self._cameras = CameraParts(namespace, cameras, depth_cameras, image_sizes)
        kinds: dict[str, Any] = {contract.JOINT_STATES: JointState, contract.TARGET_POSE: PoseStamped}
        kinds.update(self._cameras.kinds)
        if encoder_id is not None:
            kinds[contract.SRL_STATE] = JointState
        if contact:
            kinds[contract.CONTACT] = WrenchStamped
        if world_state:
            kinds[contract.WORLD_STATE] = JointState
        self._encoder_id = encoder_id
        self._readers = self._make_readers()
        self._well_read: set[str] = set()  # streams of which a message could be used
        self._refusals: dict[str, str] = {}  # stream -> why its last message was refused
        self._awaited = self._collector(kinds)
        self._streams = list(kinds)
        self._kinds = {**kinds, contract.COMMAND_REJECTED: String, contract.EPISODE: String}
        self._qos = {name: self._own_qos(name) for name in self._kinds}
        self._subscriptions = {name: self._subscribe(name, qos) for name, qos in self._qos.items()}
        self._needed_by = needed_by
        self._needed_elsewhere = [name for name in needed_by if name not in (*kinds, contract.CAMERA)]
        self._known = False  # which of the streams that it may lack the robot serves
        self._look_until = 0.0
        self._publisher: Any = None  # until nobody else commands the robot
        self._calls = EpisodeCalls(self._node, self._waiter, namespace, self._patience, self._check_first)

        self._stamp = 0
        self._joint_target = description.rest
        self._command: Any = None  # as it is published
        self._question = JointState()
        self._writers: dict[tuple[str, ...], wire.SerialWriter] = {}
        self._rejection = ""
        self._own_target: Array | None = None
        self._first_states = b""
        self._observed_once = False
        self._cuts = 0  # interruptions since the last command that was answered

    def reset(self, episode: Episode) -> Observation:
        """Start an episode; see Robot. Also finds a robot that is new, was restarted or moved on without us."""
        deadline = time.monotonic() + self._patience.start_timeout_s
        while True:
            try:
                return self._start_episode(episode, deadline)
            except NotFinite:
                raise
            except _Yields:
                continue
            except RobotInterrupted as error:  # restarted again in the middle of this: start over
                if time.monotonic() >= deadline:
                    waited = f"within {self._patience.start_timeout_s:g} s"
                    raise RobotTimeout(f"{self._namespace}: every reset was cut short {waited}: {error}") from None

    def _start_episode(self, episode: Episode, deadline: float) -> Observation:
        self._awaited.expect_any()
        self._command = None
        self._await_endpoints(deadline)
        self._own_target = self._target_of(episode)
        self._stamp = self._calls.start(episode, deadline, self._look_until)
        drawn = (contract.EPISODE,) if self._published(contract.EPISODE) else ()
        self._awaited.expect(self._stamp, also=drawn)
        self._limiter.restart(self._description.rest)
        self._joint_target = self._limiter.target
        observation = self._receive(deadline)
        check_finite(observation, self.joint_names, self._namespace)
        self._check_target(episode, observation)
        if not self._observed_once:
            self._observed_once = True
            self._tell_states(observation)
        return observation

    def _target_of(self, episode: Episode) -> Array | None:
        """Where the target is in an episode of a robot that publishes none; None for a robot that does."""
        if contract.TARGET_POSE in self._streams:
            return None
        if episode.target is None:
            topic = self._topic(contract.TARGET_POSE)
            raise RobotError(f"nobody publishes {topic}, and the episode has no target either; give it one, m")
        return np.array(episode.target, dtype=np.float64)

    def _check_target(self, episode: Episode, observation: Observation) -> None:
        if self._calls.takes_episodes and episode.target not in (None, tuple(observation.target_position.tolist())):
            raise RobotInterrupted(f"{self._namespace} was restarted between the episode's parameters and its reset")

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
            check_finite(observation, self.joint_names, self._namespace)
        except RobotInterrupted as error:
            self._cuts += 1
            if self._cuts == _MOST_CUTS:
                rate = f"{1e9 / self.period_ns:g} Hz"
                why = f"does another client command it, or does it run at another control rate than {rate}?"
                crowds = filter(None, map(self._crowd, (contract.JOINT_STATES, contract.JOINT_COMMAND)))
                raise RobotError(
                    f"{self._namespace}: {_MOST_CUTS} episodes in a row were cut at their first command; "
                    f"{next(crowds, why)} The last: {error}"
                ) from None
            raise
        self._cuts = 0
        return observation

    def close(self) -> None:
        """Leave the topics, with shared ones when the last robot does; safe to call twice."""
        if self._open:
            self._open = False
            self._waiter.close()

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

    def _writer(self, names: tuple[str, ...]) -> wire.SerialWriter:
        if names not in self._writers:
            self._writers[names] = wire.SerialWriter(messages.JointStateWriter(names), len(names))
        return self._writers[names]

    def _observation(self) -> Observation:
        parts = self._awaited.parts
        position, velocity, effort = parts[contract.JOINT_STATES]
        self._stamp = self._observed_stamp()
        return Observation(
            self._stamp,
            position,
            velocity,
            effort,
            parts[contract.TARGET_POSE] if self._own_target is None else self._own_target,
            self._joint_target,
            self._cameras.images(parts),
            parts.get(contract.SRL_STATE),
            self._cameras.depths(parts),
            contact=parts.get(contract.CONTACT),
            signals=parts.get(contract.WORLD_STATE, NOTHING),
            drawn=parts.get(contract.EPISODE, NOTHING),
        )

    def _make_readers(self) -> dict[str, Callable[[Any], Any]]:
        """Stream -> what reads its messages; raises RobotError where one is not what the contract asks for."""
        states, poses = wire.joint_state_reader(self.joint_names), wire.pose_reader()
        return {
            contract.JOINT_STATES: lambda message: _measured(*states.read(message)),
            contract.TARGET_POSE: lambda message: poses.read(message)[0],
            contract.SRL_STATE: self._srl_state,
            contract.CONTACT: messages.wrench_array,
            contract.WORLD_STATE: messages.signals_by_name,
            **{topic: partial(self._cameras.read, topic) for topic in self._cameras.kinds},
        }

    def _read(self, stream: str, message: Any) -> Any:
        """Return what a message says; None where it is refused, and counted, for it may be a stranger's.

        Raises RobotError where the robot itself seems to be at fault: nobody else publishes there, and none of its
        messages could be used so far.
        """
        if stream not in self._readers:
            return message
        try:
            said = self._readers[stream](message)
        except (UnreadableMessage, RobotError) as error:
            if not isinstance(error, UnreadableMessage) and stream not in self._well_read and not self._crowd(stream):
                said = str(error)
                raise RobotError(said if stream in said else f"{self._namespace}: {stream}: {said}") from None
            self._refuse(stream, str(error))
            return None
        if stream == contract.JOINT_STATES and stream not in self._well_read:
            self._first_states = message
        self._well_read.add(stream)
        return said

    def _refuse(self, stream: str, reason: str) -> None:
        self._refusals[stream] = reason
        self._waiter.refused.note(self._topic(stream), reason)

    def _crowd(self, stream: str) -> str:
        """Say who publishes a stream, where there are several; empty where there are not."""
        return crowd(self._node, self._namespace, stream)

    def _srl_state(self, message: JointState) -> Array:
        if message.header.frame_id != self._encoder_id:
            raise RobotError(
                f"{self._namespace}: states come from encoder {shortened(message.header.frame_id)}, but "
                f"{self._encoder_id} was asked for, and states of different encoders mean different things. Start the SRL "
                "node with the same srl_folder"
            )
        return messages.srl_state_array(message)

    def _collector(self, kinds: dict[str, Any]) -> Any:
        """What gathers the messages of one observation; may add to `kinds`: stream -> type of its messages."""
        return StampCollector(self._namespace, kinds, self.period_ns, self._read, self._crowd)

    def _observed_stamp(self) -> int:
        return self._stamp + (self.period_ns if self._command is not None else 0)

    def _own_qos(self, name: str) -> QoSProfile:
        """The quality of service with which a topic is heard where nobody who publishes on it offers less."""
        return contract.LATCHED if name == contract.EPISODE else contract.RELIABLE

    def _subscribe(self, name: str, qos: QoSProfile) -> Any:
        special = {contract.COMMAND_REJECTED: self._on_rejected, contract.EPISODE: self._on_episode}
        awaited, raw = self._awaited, name in (contract.JOINT_STATES, contract.TARGET_POSE)
        stamp_ns = wire.stamp_ns if raw else messages.stamp_ns
        callback = special.get(name) or (lambda message: awaited.offer(name, stamp_ns(message), message))
        return self._waiter.subscribe(self._kinds[name], absolute(self._namespace, name), callback, qos, raw)

    def _advertise(self, qos: QoSProfile) -> Any:
        return self._node.create_publisher(JointState, absolute(self._namespace, contract.JOINT_COMMAND), qos)

    def _on_episode(self, message: String) -> None:
        try:
            stamp, drawn = messages.episode_record(message)
        except messages.MessageError as error:
            self._refuse(contract.EPISODE, str(error))
            return
        self._awaited.offer(contract.EPISODE, stamp, drawn)

    def _on_rejected(self, message: String) -> None:
        stamp, _, reason = message.data.partition(": ")
        if self._command is not None and stamp == str(wire.stamp_ns(self._command)):
            self._rejection = reason

    def _await_endpoints(self, deadline: float) -> None:
        """Wait for the robot and, the first time, for a moment for what else it may serve; then hear all that it offers."""
        if not self._known:
            self._until_served((contract.JOINT_STATES,), deadline)
            self._get_to_know(deadline)
            self._known = True
        if time.monotonic() - self._made < _YOUNG_S:
            self._until_alone(min(deadline, time.monotonic() + FORGOTTEN_S))
        self._until_served(self._streams, deadline)
        for name, qos in self._qos.items():
            self._adopt(name, qos)

    def _until_alone(self, deadline: float) -> None:
        """Wait until no second robot is in the namespace; one that was killed goes after a while."""
        while len(those := robots(self._node, self._namespace)) > 1:
            if time.monotonic() >= deadline:
                raise RobotError(two_of_a_kind(self._namespace, self._topic(contract.JOINT_STATES), those))
            self._pause()

    def _until_served(self, streams: Sequence[str], deadline: float) -> None:
        while True:
            missing = [self._topic(name) for name in streams if not self._published(name)]
            if not self._commands_are_heard():
                missing.append(self._topic(contract.JOINT_COMMAND))
            if not self._calls.reset.service_is_ready():
                missing.append(self._calls.name_of(self._calls.reset))
            if not missing:
                return
            if time.monotonic() >= deadline:
                others = crowd(self._node, self._namespace, contract.JOINT_COMMAND, "this one")
                if self._publisher is None and others:
                    raise RobotTimeout(f"{self._namespace}: {others}")
                waited = f"within {self._patience.start_timeout_s:g} s"
                names = ", ".join(missing)
                raise RobotTimeout(f"{self._namespace}: nobody serves {names} {waited}; {likely_cause(missing)}")
            self._pause()

    def _get_to_know(self, deadline: float) -> None:
        """Find out what a robot serves that it may lack, and say once what it does not.

        Raises RobotError where the task or the observation cannot be without something of it.
        """
        begin, timeouts = time.monotonic(), self._patience
        self._look_until = min(deadline, begin + timeouts.optional_timeout_s)
        needed = [name for name in (*self._streams, *self._needed_elsewhere) if self._is_needed(name)]
        optional = [name for name in (*self._streams, contract.COMMAND_REJECTED) if name in _WITHOUT]

        def found(names: Sequence[str]) -> bool:
            return all(self._published(name) for name in names)

        while not (found((*needed, *optional)) and self._calls.parameters_ready):
            if time.monotonic() >= self._look_until:
                break
            self._pause()
        while not found(needed) and time.monotonic() < min(deadline, begin + timeouts.needed_timeout_s):
            self._pause()
        for name in needed:
            if not self._published(name):
                raise RobotError(self._needs(name))
        lacking = [name for name in optional if not self._published(name)]
        self._streams = [name for name in self._streams if name not in lacking]
        self._awaited.leave_out(lacking)
        self._calls.target_is_ours = contract.TARGET_POSE in lacking
        self._look_until = time.monotonic()
        for name in lacking:
            self._node.get_logger().warning(f"{self._topic(name)} is not published: {_WITHOUT[name]}")

    def _is_needed(self, name: str) -> bool:
        """Whether nothing can count in this stream's place. States come from a node of ours that may be slow to start."""
        return name in self._needed_by or name not in (contract.JOINT_STATES, contract.SRL_STATE, *_WITHOUT)

    def _needs(self, name: str) -> str:
        part = contract.CAMERA if name.startswith(f"{contract.CAMERA}/") else name
        who = self._needed_by.get(name) or self._needed_by.get(part) or "this environment"
        topic, waited = self._topic(name), f"within {self._patience.needed_timeout_s:g} s"
        return f"{who} needs {topic}, which {self._namespace} does not publish {waited}; {likely_cause([topic])}"

    def _adopt(self, name: str, qos: QoSProfile) -> None:
        """Hear a topic with what its publishers offer: a reliable reader hears no best-effort writer."""
        topic = self._topic(name)
        heard = offered_qos.hearing_all(self._node, topic, qos)
        if heard != qos:
            self._qos[name] = heard
            self._subscriptions[name] = self._subscribe(name, heard)
            self._tell_adopted(f"{topic} is published {offered_qos.words(heard)}, and heard so")

    def _tell_adopted(self, said: str) -> None:
        """Lockstep is meant to be reliable; what is lost is asked for again, after a while."""
        wait_s = self._patience.repeat_after_s
        self._node.get_logger().warning(f"{said}: in lockstep each message that is lost costs {wait_s:g} s")

    def _commands_are_heard(self) -> bool:
        """Whether somebody hears our commands, with another quality of service where that is what is asked for.

        A publisher is made when nobody else has one: a robot refuses the resets of all where there are two.
        """
        if self._publisher is None:
            topic = self._topic(contract.JOINT_COMMAND)
            if not self._node.count_subscribers(topic) or self._node.count_publishers(topic):
                return False
            self._publisher = self._advertise(contract.RELIABLE)
        if self._publisher.get_subscription_count():
            return True
        topic = self._publisher.topic_name
        qos = offered_qos.heard_by_all(self._node, topic, contract.RELIABLE)
        if qos != contract.RELIABLE and self._publisher.qos_profile.durability != qos.durability:
            self._node.destroy_publisher(self._publisher)
            self._publisher = self._advertise(qos)
            self._node.get_logger().warning(
                f"{topic} is asked for as transient local, and published so: who subscribes later gets the last command"
            )
        return False

    def _tell_states(self, observation: Observation) -> None:
        """Say once what joint_states lack, and where a reset leads elsewhere than the robot's file says."""
        state, log = deserialize_message(self._first_states, JointState), self._node.get_logger()
        lacking = [field for field in ("velocity", "effort") if not len(getattr(state, field))]
        if lacking:
            log.warning(f"{self._topic(contract.JOINT_STATES)} has no {' and no '.join(lacking)}: they count as 0")
        away = np.abs(observation.position - self._description.rest)
        if away.max() > _REST_RAD:
            i = int(away.argmax())
            log.warning(
                f"{self._namespace}: after a reset {self.joint_names[i]} is at {observation.position[i]:.3f}, and the robot's "
                f"file has rest {self._description.rest[i]:.3f}; episodes begin with the way between them, if it is not mended"
            )

    def _published(self, name: str) -> bool:
        return bool(self._node.count_publishers(self._topic(name)))

    def _topic(self, name: str) -> str:
        if name in self._subscriptions:
            return str(self._subscriptions[name].topic_name)
        return str(self._node.resolve_topic_name(absolute(self._namespace, name)))

    def _pause(self) -> None:
        self._waiter.wait(0.02)  # discovery wakes nobody: look again
        self._check_running()

    def _no_answer(self) -> RobotError:
        missing = self._awaited.missing
        oldest = self._awaited.oldest
        if oldest is not None and oldest < self._stamp:
            return RobotInterrupted(f"the stamps of {self._namespace} went back: it was restarted")
        topics = ", ".join(self._topic(name) for name in missing)
        waited = f"within {self._patience.answer_timeout_s:g} s"
        refusals = {name: self._refusals[name] for name in missing if name in self._refusals}
        refused = [f"the last message on {name} was refused: {reason}" for name, reason in refusals.items()]
        causes = "; ".join([*refused, *filter(None, map(self._crowd, missing))]) or likely_cause(missing)
        return RobotTimeout(f"{self._namespace}: no answer on {topics} {waited}; {causes}")

    def _check_running(self) -> None:
        if self._runtime.stop_requested:
            raise StopRequested

    def _check_first(self) -> None:
        """While an episode is asked for: yield to a client that was not known yet when ours was made."""
        self._check_running()
        if (
            not self._observed_once
            and self._publisher is not None
            and crowd(self._node, self._namespace, contract.JOINT_COMMAND)
        ):
            self._node.destroy_publisher(self._publisher)
            self._publisher = None
            again_at = time.monotonic() + random.uniform(0.1, 1.0)  # of two that begin together one is to be the first
            while (left := again_at - time.monotonic()) > 0.0:
                self._waiter.wait(left)
                self._check_running()
            raise _Yields


def _measured(position: Array, velocity: Array, effort: Array) -> tuple[Array, Array, Array]:
    """Velocities or efforts that are all NaN were not measured (ros2_control's way to say so): zero, as where they lack."""
    for row in (velocity, effort):
        if len(row) and row[0] != row[0] and np.isnan(row).all():
            row[:] = 0.0
    return position, velocity, effort


class OwnedTopicRobot(TopicRobot):
    """A TopicRobot with a Runtime of its own, for an environment that nobody gave one."""

    def __init__(self, runtime: None, description: RobotDescription, namespace: str = "/env_0", **settings: Any):
        super().__init__(Runtime(signals=False), description, namespace, **settings)

    def close(self) -> None:
        """Leave the topics and shut rclpy down; safe to call twice."""
        super().close()
        self._runtime.close()
