"""A robot with an encoder in process. Over topics, the SRL node does the same."""

from __future__ import annotations

import dataclasses

from rl_trainer_ros.environments.image_keeper import ImageKeeper
from rl_trainer_ros.factories import Encoder
from robot_interface_ros.robot import Command, Episode, Observation, Robot


class EncodedRobot:
    """Adds the encoder's state of the camera images to every observation."""

    def __init__(self, robot: Robot, encoder: Encoder):
        self._robot, self._encoder = robot, encoder
        self.joint_names, self.period_ns = robot.joint_names, robot.period_ns
        self.encoder_cameras = encoder.cameras
        self.kept = ImageKeeper(encoder.cameras)
        """Images for an encoder that learns."""

    def use_encoder(self, encoder: Encoder, folder: str) -> None:
        """Encode with another encoder of the same cameras and size of state. Call it between two episodes."""
        self._encoder = encoder

    @property
    def encoder_id(self) -> str:
        """The id of the encoder of the states."""
        return self._encoder.id

    @property
    def plant(self) -> Robot:
        """The robot without its encoder."""
        return self._robot

    def reset(self, episode: Episode) -> Observation:
        """See Robot."""
        self.kept.begin()
        return self._encoded(self._robot.reset(episode))

    def send(self, command: Command) -> None:
        """See Robot."""
        self._robot.send(command)

    def receive(self, timeout_s: float | None = None) -> Observation:
        """See Robot."""
        return self._encoded(self._robot.receive(timeout_s))

    def close(self) -> None:
        """See Robot."""
        self._robot.close()

    def _encoded(self, observation: Observation) -> Observation:
        self.kept.see(observation.images)
        return dataclasses.replace(observation, srl_state=self._encoder.encode_images(observation.images))
