"""Tells the SRL node where the encoder of a robot lies. The topic is latched, so a restarted node hears it too."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from std_msgs.msg import String

from rl_trainer_ros.ros.robot_client.link import Link
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.contract import absolute


class Named(Protocol):
    """An encoder, of which only the id is needed here: it is the `frame_id` of its states."""

    id: str


class EncoderPlace:
    """Publishes the folder of an encoder in a robot's namespace."""

    def __init__(self, link: Link):
        topic = absolute(link.namespace, contract.SRL_ENCODER)
        self._publisher = link.node.create_publisher(String, topic, contract.LATCHED)

    def publish(self, folder: str) -> None:
        """Publish the path, as an absolute one: the SRL node may run in another folder."""
        self._publisher.publish(String(data=str(Path(folder).absolute())))
