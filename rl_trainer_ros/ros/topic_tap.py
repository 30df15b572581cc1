"""Receive every topic of one robot in serialised form, for a recording."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped, WrenchStamped
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, String

from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
from robot_interface_ros import topics
from robot_interface_ros.bags import layout
from robot_interface_ros.bags.cdr import exact, stamp_of
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.layout import Channel, Recorded
from robot_interface_ros.errors import RobotError
from robot_interface_ros.ros.transport import contract, offered_qos

_STAMPED: dict[str, Any] = {
    topics.JOINT_STATES: JointState,
    topics.JOINT_COMMAND: JointState,
    topics.JOINT_TARGET: JointState,
    topics.TARGET_POSE: PoseStamped,
    topics.CONTACT: WrenchStamped,
    topics.WORLD_STATE: JointState,
    topics.SRL_STATE: JointState,
}
_PLAIN: dict[str, Any] = {topics.COMMAND_REJECTED: String, topics.EPISODE: String, topics.MOTION_ENABLED: Bool}
_OF_THE_BAG = (topics.ROBOT_DESCRIPTION, topics.MOTION_ENABLED)
"""Latched topics whose first message is from before the recording."""
_SETTLE_S, _FIND_S = 3.0, 10.0
_POLL_S = 0.05


class TopicTap:
    """Messages of one robot over topics; a Source of a recording. In lockstep, repeated messages are recorded once."""

    def __init__(self, shared: SharedWaiter, namespace: str, cameras: tuple[str, ...], lockstep: bool):
        """`cameras`: their images, depths and intrinsics are recorded if they are published."""
        self._node, self._waiter, self._namespace, self._lockstep = shared.node, shared.part(), namespace, lockstep
        self._channels: dict[str, Channel] = {}
        self._messages: list[Recorded] = []
        self._latched: dict[str, Recorded] = {}
        self._newest: dict[str, int] = {}  # stamped topic -> newest stamp
        self._heard: set[str] = set()
        self.last_stamp = self._answered = 0
        self._observed = 0  # observations of this episode
        self._kinds = {**_STAMPED, **_PLAIN, topics.ROBOT_DESCRIPTION: String}
        for camera in cameras:
            self._kinds[topics.image_topic(camera)] = self._kinds[topics.depth_topic(camera)] = Image
            self._kinds[topics.camera_info_topic(camera)] = CameraInfo
        self._cameras = cameras

    def find(self, reset: Callable[[], Any], deadline_s: float = _FIND_S) -> None:
        """Reset until messages of every published topic arrive, so that the first episode is complete.

        Raises RobotError if a camera is not published.
        """
        deadline = time.monotonic() + deadline_s
        while True:
            self._subscribe()
            reset()
            self.settle(0)
            absent = [camera for camera in self._cameras if topics.image_topic(camera) not in self._newest]
            behind = self._behind()
            if not absent and not behind:
                return
            if time.monotonic() > deadline:
                break
        missing = topics.image_topic(absent[0]) if absent else behind[0]
        topic = topics.absolute(self._namespace, missing)
        raise RobotError(
            f"nobody publishes {topic} with every observation; start the robot with cameras:=[{', '.join(self._cameras)}], "
            "or record other cameras: cameras:=[...]"
            if absent
            else f"{topic} has a publisher, but no message comes within {deadline_s:g} s; is the publisher alive?"
        )

    def take(self) -> list[Recorded]:
        """See Source."""
        taken, self._messages = self._messages, []
        return sorted(taken, key=lambda message: message.time)

    def latched(self) -> list[Recorded]:
        """See Source."""
        return list(self._latched.values())

    def channels(self) -> list[Channel]:
        """See Source."""
        return [self._channels[name] for name in self._channels if name in self._heard]

    def begin(self) -> None:
        """See Source."""
        self._messages, self._observed = [], 0

    def settle(self, stamp: int) -> None:
        """See Source. The trainer may have the observation before its messages, from a batch."""
        deadline = time.monotonic() + _SETTLE_S
        while (self._behind(stamp) or self._command_is_under_way()) and time.monotonic() < deadline:
            self._waiter.wait(_POLL_S)

    def close(self) -> None:
        """Close the subscriptions."""
        self._waiter.close()

    def _behind(self, stamp: int = 0) -> list[str]:
        """Return the topics with a message for every observation whose message for the latest one is still missing.

        `stamp`: of an observation that is known from elsewhere, ns.
        """
        cameras = [name for name in self._kinds if name.startswith(f"{topics.CAMERA}/")]
        steady = [topics.JOINT_STATES, topics.TARGET_POSE, topics.CONTACT, topics.WORLD_STATE, *cameras]
        newest = max(stamp, self._newest.get(topics.JOINT_STATES, 0))
        slow = 0 if self._lockstep else 10**12  # in real time, cameras have their own rate
        return [name for name in steady if self._published(name) and self._newest.get(name, 0) < max(1, newest - slow)]

    def _command_is_under_way(self) -> bool:
        """Return whether the command before the latest observation has not been received yet by this subscription."""
        return self._lockstep and self._observed > 1 and self._newest.get(topics.JOINT_COMMAND, 0) < self._answered

    def _published(self, name: str) -> bool:
        return bool(self._node.count_publishers(self._topic(name)))

    def _topic(self, name: str) -> str:
        return str(self._node.resolve_topic_name(topics.absolute(self._namespace, name)))

    def _subscribe(self) -> None:
        """Subscribe to all topics published so far, and to `joint_command`, which this process publishes."""
        for name, kind in self._kinds.items():
            if name in self._channels or not (name == topics.JOINT_COMMAND or self._published(name)):
                continue
            self._channels[name] = channel = layout.channel(self._namespace, name)
            usual = contract.LATCHED if channel.latched else contract.RELIABLE
            qos = offered_qos.hearing_all(self._node, self._topic(name), usual)
            topic = topics.absolute(self._namespace, name)

            def hear(data: bytes, name: str = name) -> None:
                self._hear(name, bytes(data))

            self._waiter.subscribe(kind, topic, hear, qos, raw=True)

    def _hear(self, name: str, data: bytes) -> None:
        channel = self._channels[name]
        stamped = name not in _PLAIN and name != topics.ROBOT_DESCRIPTION
        try:
            stamp = stamp_of(data) if stamped else self.last_stamp
            data = exact(channel.kind.name, data)
        except BagError:  # not a message of this type; the robot's client counts and reports it
            return
        if stamped:
            if stamp <= self._newest.get(name, -1) and (self._lockstep or stamp == self._newest[name]):
                return
            self._newest[name] = stamp
        if name == topics.JOINT_STATES:
            self._answered, self.last_stamp = self.last_stamp, stamp
            self._observed += 1
        self._heard.add(name)
        message = Recorded(channel.topic, stamp, data)
        if name in _OF_THE_BAG and name not in self._latched:
            self._latched[name] = message
        else:
            self._messages.append(message)
