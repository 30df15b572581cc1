"""A robot with an encoder in process. Over topics, the SRL node does the same."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.factories import Encoder
from robot_interface_ros.robot import Command, Episode, Observation, Robot

STRIDE = 8
"""The images of every STRIDE-th step of an episode are kept: neighbours differ too little to teach anything."""


class EncodedRobot:
    """Adds the encoder's state of the camera images to every observation."""

    def __init__(self, robot: Robot, encoder: Encoder):
        self._robot, self._encoder = robot, encoder
        self.joint_names, self.period_ns = robot.joint_names, robot.period_ns
        self.encoder_cameras = encoder.cameras
        self._keeps, self._step, self._episode = False, 0, 0
        self._kept: list[tuple[int, NDArray[np.uint8]]] = []

    def keep_images(self) -> None:
        """Keep images from now on, for an encoder that learns."""
        self._keeps = True

    def take_images(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the images since the last call, (n, cameras, height, width, 3), and the episode of each from 0, (n,)."""
        kept, self._kept = self._kept, []
        if not kept:
            return np.zeros((0, 0, 0, 0, 3), np.uint8), np.zeros(0, np.int64)
        _, episodes = np.unique([episode for episode, _ in kept], return_inverse=True)
        return np.stack([images for _, images in kept]), episodes.astype(np.int64)

    def use(self, encoder: Encoder) -> None:
        """Replace the encoder by one of the same cameras and size of state. Call it between two episodes."""
        self._encoder = encoder

    @property
    def plant(self) -> Robot:
        """The robot without its encoder."""
        return self._robot

    def reset(self, episode: Episode) -> Observation:
        """See Robot."""
        self._step, self._episode = 0, self._episode + 1
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
        self._step += 1
        if self._keeps and self._step % STRIDE == 0:
            images = np.stack([observation.images[camera] for camera in self.encoder_cameras])
            self._kept.append((self._episode, images))
        return dataclasses.replace(observation, srl_state=self._encoder.encode_images(observation.images))
