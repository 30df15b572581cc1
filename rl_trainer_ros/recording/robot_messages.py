"""The messages of one robot in process: those that its nodes would publish for each observation and command.

Over topics the messages themselves are recorded instead (`rl_trainer_ros/ros/topic_tap.py`); both give the same bag.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from robot_interface_ros import topics
from robot_interface_ros.bags import layout
from robot_interface_ros.bags.contract_messages import (
    CameraInfos,
    Images,
    JointStates,
    Poses,
    Wrenches,
    bool_message,
    signals_row,
    text_message,
)
from robot_interface_ros.bags.layout import Channel, Recorded
from robot_interface_ros.cameras import pinholes
from robot_interface_ros.robot import Command, Episode, Observation, Robot, layer_with
from robot_interface_ros.robot_config import RobotDescription


class Source(Protocol):
    """Where the messages of one robot come from."""

    last_stamp: int
    """Of the newest observation, integer ns."""

    def take(self) -> list[Recorded]:
        """Return the messages since the last call, in the order of time; their channels are known."""

    def latched(self) -> list[Recorded]:
        """Return the messages that hold for the whole bag, such as the robot's description."""

    def channels(self) -> list[Channel]:
        """Return all topics so far."""

    def begin(self) -> None:
        """Discard the messages since the last episode. Called before a reset."""

    def settle(self, stamp: int) -> None:
        """Wait a moment for messages that are still on their way, up to those of the observation `stamp`, integer ns.

        Called at the end of an episode.
        """


class RobotMessages:
    """A robot in process whose observations and commands become messages; stands between environment and robot."""

    def __init__(self, robot: Robot, description: RobotDescription, namespace: str):
        self.plant = robot
        self.joint_names, self.period_ns = robot.joint_names, robot.period_ns
        simulated = layer_with(robot, "description")
        self._urdf = (simulated.description if simulated is not None else description).urdf
        self._namespace, self._cameras = namespace, pinholes(robot)
        root = topics.frame(namespace, description.model.root)
        self._joint_states = JointStates(robot.joint_names, fields=3)
        self._poses, self._wrenches, self._root = Poses(root), Wrenches(root), root
        self._commands: dict[tuple[str, ...], JointStates] = {}
        self._signals: dict[tuple[str, ...], JointStates] = {}
        self._images: dict[tuple[str, Any], Images] = {}
        self._infos = {name: CameraInfos(camera, self._frame(name)) for name, camera in self._cameras.items()}
        self._encoded = layer_with(robot, "encoder_id")
        self._states: JointStates | None = None
        self._channels: dict[str, Channel] = {}
        self._topics: dict[str, str] = {}
        self._messages: list[Recorded] = []
        self._first_stamp = self._seed = 0
        self.last_stamp = 0

    def reset(self, episode: Episode) -> Observation:
        """See Robot."""
        self._seed = episode.seed
        return self._seen(self.plant.reset(episode))

    def send(self, command: Command) -> None:
        """See Robot."""
        writer = self._commands.get(command.names)
        if writer is None:
            writer = self._commands.setdefault(command.names, JointStates(command.names))
        self._put(topics.JOINT_COMMAND, command.stamp, writer.write(command.stamp, command.position))
        self.plant.send(command)

    def receive(self, timeout_s: float | None = None) -> Observation:
        """See Robot."""
        return self._seen(self.plant.receive(timeout_s))

    def close(self) -> None:
        """See Robot."""
        self.plant.close()

    def take(self) -> list[Recorded]:
        """See Source."""
        taken, self._messages = self._messages, []
        return taken

    def latched(self) -> list[Recorded]:
        """See Source."""
        return [
            Recorded(self._channel(topics.ROBOT_DESCRIPTION), self._first_stamp, text_message(self._urdf)),
            Recorded(self._channel(topics.MOTION_ENABLED), self._first_stamp, bool_message(True)),
        ]

    def channels(self) -> list[Channel]:
        """See Source."""
        return list(self._channels.values())

    def begin(self) -> None:
        """See Source."""
        self._messages = []

    def settle(self, stamp: int) -> None:
        """See Source."""

    def _seen(self, observation: Observation) -> Observation:
        """In the order in which `RobotServer.publish` publishes."""
        stamp = self.last_stamp = observation.stamp
        self._first_stamp = self._first_stamp or stamp
        if observation.drawn:
            said = {"stamp": stamp, "seed": self._seed, "drawn": dict(observation.drawn)}
            self._put(topics.EPISODE, stamp, text_message(json.dumps(said)))
        self._put_images(stamp, observation.images, topics.image_topic)
        self._put_images(stamp, observation.depths, topics.depth_topic)
        for camera, info in self._infos.items():
            if camera in observation.images:
                self._put(topics.camera_info_topic(camera), stamp, info.write(stamp))
        self._put(topics.TARGET_POSE, stamp, self._poses.write(stamp, observation.target_position))
        if observation.contact is not None:
            self._put(topics.CONTACT, stamp, self._wrenches.write(stamp, observation.contact))
        if observation.signals:
            names = tuple(observation.signals)
            writer = self._signals.get(names)
            if writer is None:
                writer = self._signals.setdefault(names, JointStates(names, self._root))
            self._put(topics.WORLD_STATE, stamp, writer.write(stamp, signals_row(observation.signals)))
        rows = observation.position, observation.velocity, observation.effort
        self._put(topics.JOINT_STATES, stamp, self._joint_states.write(stamp, *rows))
        if observation.srl_state is not None and self._encoded is not None:
            labels = [f"state_{i}" for i in range(len(observation.srl_state))]
            self._states = self._states or JointStates(labels, self._encoded.encoder_id)
            self._put(topics.SRL_STATE, stamp, self._states.write(stamp, observation.srl_state))
        return observation

    def _put_images(self, stamp: int, images: Mapping[str, Any], topic: Any) -> None:
        for camera, image in images.items():
            name = topic(camera)
            key = name, image.shape
            writer = self._images.get(key)
            if writer is None:
                writer = self._images.setdefault(key, Images(self._frame(camera), image))
            self._put(name, stamp, writer.write(stamp, image))

    def _put(self, name: str, stamp: int, data: bytes) -> None:
        self._messages.append(Recorded(self._topics.get(name) or self._channel(name), stamp, data))

    def _channel(self, name: str) -> str:
        channel = layout.channel(self._namespace, name)
        self._channels[name] = channel
        self._topics[name] = channel.topic
        return channel.topic

    def _frame(self, camera: str) -> str:
        model = self._cameras.get(camera)
        return topics.frame(self._namespace, model.frame if model else f"{camera}_camera_optical_frame")


def numbers_of(labels: Sequence[str], discrete: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the numbers in `action` and in `action_probabilities`; see OwnMessages."""
    names = ("action",) if discrete else tuple(labels)
    return names, tuple(labels) if discrete else tuple(
        f"{what}_{label}" for what in ("mean", "std") for label in labels
    )


class OwnMessages:
    """The messages that a recording adds to the contract's: actions, their probabilities, rewards and episode marks."""

    def __init__(self, namespace: str, action: str, labels: Sequence[str], discrete: int):
        """`labels`: of the action's numbers; `discrete`: number of discrete actions, 0 where actions are continuous."""
        names, wanted = numbers_of(labels, discrete)
        self._channels = {
            name: layout.channel(namespace, name)
            for name in (layout.ACTION, layout.ACTION_PROBABILITIES, layout.REWARD, layout.EPISODE_MARK)
        }
        self._action, self._wanted = JointStates(names, action), JointStates(wanted, action)
        self._reward = JointStates(layout.REWARD_NAMES)

    def channels(self) -> list[Channel]:
        """Return the topics."""
        return list(self._channels.values())

    def action(self, stamp: int, action: Any, wanted: Any) -> list[Recorded]:
        """Return the messages of an action that answers the observation of `stamp`; `wanted`: see Choice."""
        messages = [Recorded(self._channels[layout.ACTION].topic, stamp, self._action.write(stamp, action))]
        if wanted is not None:
            data = self._wanted.write(stamp, wanted)
            messages.append(Recorded(self._channels[layout.ACTION_PROBABILITIES].topic, stamp, data))
        return messages

    def reward(self, stamp: int, values: Any) -> Recorded:
        """Return the message of an action's result, at the observation of `stamp`; `values`: as REWARD_NAMES, `(5,)`."""
        return Recorded(self._channels[layout.REWARD].topic, stamp, self._reward.write(stamp, values))

    def mark(self, mark: Mapping[str, Any]) -> Recorded:
        """Return the message of a mark."""
        topic = self._channels[layout.EPISODE_MARK].topic
        return Recorded(topic, int(mark["stamp"]), text_message(layout.mark_text(mark)))
