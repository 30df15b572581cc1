"""Subscriptions to the streams of one robot; they read the messages and combine them to observations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from rl_trainer_ros.ros.robot_client.link import Link
from rl_trainer_ros.ros.robot_client.readers import RAW, CameraParts, OtherEncoder, StatesOf, stream_readers
from rl_trainer_ros.ros.robot_client.timeouts import likely_cause
from robot_interface_ros.errors import RobotError, RobotInterrupted, RobotTimeout
from robot_interface_ros.robot import NOTHING, Array, Observation
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.transport import contract, messages, offered_qos, wire
from robot_interface_ros.ros.transport.batch import BatchPlace
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.messages import UnreadableMessage

if TYPE_CHECKING:
    from rl_trainer_ros.ros.robot_client.exchange import Collector, Mode

_REST_RAD = 0.2  # largest expected distance from the robot file's rest after a reset


class ObservationStreams:
    """Subscriptions to the streams of one robot. Their messages go to a collector, which stores the results of `read`."""

    def __init__(
        self,
        link: Link,
        description: RobotDescription,
        cameras: CameraParts,
        mode: Mode,
        encoder: StatesOf | None = None,
        contact: bool = False,
        world_state: bool = False,
    ):
        """`encoder`: whose states the observations contain; `contact`, `world_state`: see TopicRobot."""
        self._link, self._description, self._cameras = link, description, cameras
        self.joint_names = description.joint_names
        kinds: dict[str, Any] = {contract.JOINT_STATES: JointState, contract.TARGET_POSE: PoseStamped, **cameras.kinds}
        if encoder is not None:
            kinds[contract.SRL_STATE] = JointState
        if contact:
            kinds[contract.CONTACT] = WrenchStamped
        if world_state:
            kinds[contract.WORLD_STATE] = JointState
        kinds.update(mode.more_streams)
        self.names = list(kinds)
        """The streams of an observation, without those that the robot does not have."""
        self.own_target: Array | None = None
        """Target of the episode for a robot that publishes none, `(3,)` m; None for a robot that publishes its target."""
        self._kinds = {**kinds, contract.COMMAND_REJECTED: String, contract.EPISODE: String}
        self._readers = stream_readers(link.namespace, description.joint_names, cameras, encoder or StatesOf(None))
        self._well_read: set[str] = set()  # streams with at least one valid message
        self._refusals: dict[str, str] = {}  # stream -> why its last message was refused
        self._first_states = b""
        self._cost_of_loss = mode.cost_of_loss(link.timeouts.repeat_after_s)
        # Quality of service of the subscriptions, unless a publisher offers less.
        self._qos = {name: mode.image_qos if kind is Image else contract.RELIABLE for name, kind in self._kinds.items()}
        self._qos[contract.EPISODE] = contract.LATCHED

    def start(self, collector: Collector, on_rejected: Callable[[String], None]) -> None:
        """Subscribe; `on_rejected` gets the messages of command_rejected."""
        self._collector, self._on_rejected = collector, on_rejected
        self._subscriptions = {name: self._subscribe(name, qos) for name, qos in self._qos.items()}

    def own_topics(self, batched: Collection[str] = ()) -> None:
        """Subscribe to each stream, except to those that a batch contains; end their subscriptions."""
        for name in self.names:
            if name in batched and name in self._subscriptions:
                self._link.waiter.unsubscribe(self._subscriptions.pop(name))
            elif name not in batched and name not in self._subscriptions:
                self._subscriptions[name] = self._subscribe(name, self._qos[name])

    def take_row(self, place: BatchPlace, stamp: int, row: Array) -> None:
        """Take the numbers of this robot's row in a batch, in the order of `state_columns`."""
        n = len(place.joints)
        self._collector.offer(contract.JOINT_STATES, stamp, (row[:n], row[n : 2 * n], row[2 * n : 3 * n]))
        self._collector.offer(contract.TARGET_POSE, stamp, row[3 * n : 3 * n + 3])
        if place.contact:
            self._collector.offer(contract.CONTACT, stamp, row[3 * n + 3 : 3 * n + 9])
        if place.signals:
            values = row[-len(place.signals) :].tolist()
            self._collector.offer(contract.WORLD_STATE, stamp, dict(zip(place.signals, values)))

    def leave_out(self, names: Collection[str]) -> None:
        """Remove streams that the robot does not have."""
        self.names = [name for name in self.names if name not in names]
        self._collector.leave_out(names)

    def adopt_all(self) -> None:
        """Adapt all subscriptions to the publishers: a reliable subscription does not receive from a best-effort publisher."""
        for name in self._qos:
            self.adopt(name)

    def adopt(self, name: str) -> None:
        """Adapt the quality of service of one subscription to its publishers."""
        topic, qos = self._link.topic(name), self._qos[name]
        adapted = offered_qos.hearing_all(self._link.node, topic, qos)
        if adapted == qos or name not in self._subscriptions:
            return
        self._qos[name] = adapted
        self._link.waiter.unsubscribe(self._subscriptions[name])
        self._subscriptions[name] = self._subscribe(name, adapted)
        words, log = offered_qos.words(adapted), self._link.node.get_logger()
        line = f"{topic} is published {words}, so the subscription is {words} too"
        if self._cost_of_loss:
            log.warning(f"{line}: {self._cost_of_loss}")
        else:
            log.info(line)

    def read(self, stream: str, message: Any) -> Any:
        """Return the content of a message; None if it is refused (and counted), since it may come from another node.

        Raises RobotError if the robot itself seems to be at fault: the topic has no other publisher, and no message was
        valid so far.
        """
        if stream not in self._readers:
            return message
        try:
            content = self._readers[stream](message)
        except OtherEncoder as error:  # of the last encoder; states of the new one will come
            self._refusals[stream] = str(error)
            return None
        except (UnreadableMessage, RobotError) as error:
            unreadable = isinstance(error, UnreadableMessage)
            if not unreadable and stream not in self._well_read and not self._link.conflict(stream):
                text = str(error)
                raise RobotError(text if stream in text else f"{self._link.namespace}: {stream}: {text}") from None
            self.refuse(stream, str(error))
            return None
        if stream == contract.JOINT_STATES and isinstance(message, bytes) and not self._first_states:
            self._first_states = message
        self._well_read.add(stream)
        return content

    def refuse(self, stream: str, reason: str) -> None:
        """Count a refused message, and report it."""
        self._refusals[stream] = reason
        self._link.waiter.refused.note(self._link.topic(stream), reason)

    def observation(self, stamp: int, joint_target: Array, timing: Mapping[str, Any] = NOTHING) -> Observation:
        """Return the observation from the collected messages."""
        parts = self._collector.parts
        position, velocity, effort = parts[contract.JOINT_STATES]
        return Observation(
            stamp,
            position,
            velocity,
            effort,
            parts[contract.TARGET_POSE] if self.own_target is None else self.own_target,
            joint_target,
            self._cameras.images(parts),
            parts.get(contract.SRL_STATE),
            self._cameras.depths(parts),
            contact=parts.get(contract.CONTACT),
            signals=parts.get(contract.WORLD_STATE, NOTHING),
            drawn=parts.get(contract.EPISODE, NOTHING),
            timing=timing,
        )

    def no_answer(self, last_stamp: int) -> RobotError:
        """Return the error for streams without a message in time. `last_stamp`: of the last observation, ns."""
        link, missing, oldest = self._link, self._collector.missing, self._collector.oldest
        if oldest is not None and oldest < last_stamp:
            return RobotInterrupted(f"the stamps of {link.namespace} went back: it was restarted")
        topics = ", ".join(map(link.topic, missing))
        waited = f"within {link.timeouts.answer_timeout_s:g} s"
        refusals = {name: self._refusals[name] for name in missing if name in self._refusals}
        refused = [f"the last message on {name} was refused: {reason}" for name, reason in refusals.items()]
        # Killed publishers stay in the graph for 20 s, so several publishers are only one more likely cause.
        causes = "; ".join([*(refused or [likely_cause(missing)]), *link.conflicts(missing)])
        return RobotTimeout(f"{link.namespace}: no answer on {topics} {waited}; {causes}")

    def report_first(self, observation: Observation) -> None:
        """After the first reset: report missing fields of joint_states, and a pose that differs from the robot file's rest."""
        log = self._link.node.get_logger()
        state = deserialize_message(self._first_states, JointState) if self._first_states else None
        lacking = [field for field in ("velocity", "effort") if state is not None and not len(getattr(state, field))]
        if lacking:
            log.warning(
                f"{self._link.topic(contract.JOINT_STATES)} has no {' and no '.join(lacking)}: 0 is used instead"
            )
        rest = self._description.rest
        away = np.abs(observation.position - rest)
        if away.max() > _REST_RAD:
            i = int(away.argmax())
            log.warning(
                f"{self._link.namespace}: after a reset {self._description.joint_names[i]} is at "
                f"{observation.position[i]:.3f}, but rest in the robot file is {rest[i]:.3f}; correct one of them, or each "
                "episode starts with a motion between them"
            )

    def _subscribe(self, name: str, qos: QoSProfile) -> Any:
        special = {contract.COMMAND_REJECTED: self._on_rejected, contract.EPISODE: self._on_episode}
        collector, raw = self._collector, name in RAW
        stamp_ns = wire.stamp_ns if raw else messages.stamp_ns
        callback = special.get(name) or (lambda message: collector.offer(name, stamp_ns(message), message))
        return self._link.waiter.subscribe(self._kinds[name], absolute(self._link.namespace, name), callback, qos, raw)

    def _on_episode(self, message: String) -> None:
        try:
            stamp, drawn = messages.episode_record(message)
        except messages.MessageError as error:
            self.refuse(contract.EPISODE, str(error))
            return
        self._collector.offer(contract.EPISODE, stamp, drawn)
