"""SRL node: encodes camera images, and publishes the states with the stamp of the images.

Run it with `ros2 run rl_trainer_ros srl_node --ros-args -p srl_folder:=runs/srl/autoencoder`; its parameters are the fields
of `SrlNodeConfig`. Between images it stores only the last state of each robot: a repeated image gets the same state without
encoding it again. A restart has no other effect than a short delay.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial

from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.names import check_namespaces
from robot_interface_ros.ros.serving.program import Loop, Stepping, run_program
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Waiter
from srl_ros.encoder import Encoder, EncoderError

_MOST_WAITING = 8
"""Moments of which some camera's image has not come yet; the oldest is forgotten beyond that."""


@dataclass(frozen=True)
class SrlNodeConfig:
    """Settings of the SRL node: the encoder, the camera and the robots."""

    srl_folder: str = option("runs/srl/autoencoder", "folder of the trained encoder", path=True)
    camera: str = option(
        "", "for an encoder of one camera: camera that provides the images; empty: the camera of the encoder"
    )
    namespaces: tuple[str, ...] = option(("env_0",), "namespaces of the robots whose images are encoded")


class EncodedStream:
    """Publishes a state for the images of one robot, when the images of all cameras with one stamp have arrived."""

    def __init__(self, node: Node, waiter: Waiter, encoder: Encoder, namespace: str, cameras: tuple[str, ...]):
        """`cameras`: cameras that provide the images, in the order of the encoder's cameras."""
        self._node, self._encoder, self._namespace, self._cameras = node, encoder, namespace, cameras
        self._publisher = node.create_publisher(JointState, absolute(namespace, contract.SRL_STATE), contract.RELIABLE)
        self._waiting: dict[int, dict[str, Image]] = {}
        self._writer = messages.srl_state_writer(encoder.state_dim, encoder.id)
        self._last: tuple[int, JointState] | None = None
        for camera in cameras:
            topic = absolute(namespace, contract.image_topic(camera))
            waiter.subscribe(Image, topic, partial(self._on_image, camera))

    def _on_image(self, camera: str, message: Image) -> None:
        stamp = messages.stamp_ns(message)
        if self._last is None or self._last[0] != stamp:
            there = self._waiting.setdefault(stamp, {})
            there[camera] = message
            if len(there) < len(self._cameras):
                while len(self._waiting) > _MOST_WAITING:  # an image was lost; in lockstep it is sent again
                    self._waiting.pop(next(iter(self._waiting)))
                return
            self._waiting.clear()
            try:
                images = {
                    own: messages.image_array(there[name]) for own, name in zip(self._encoder.cameras, self._cameras)
                }
                state = self._encoder.encode_images(images)
            except (EncoderError, messages.MessageError) as error:  # a camera of another size: say so, and stay
                self._node.get_logger().error(f"{self._namespace}: {error}", throttle_duration_sec=5.0)
                return
            self._last = (stamp, self._writer.write(stamp, state))
        self._publisher.publish(self._last[1])


def prepare(runtime: Runtime, node: Node, config: SrlNodeConfig) -> Loop:
    """Load the encoder and subscribe; the loop encodes until a signal comes."""
    check_namespaces(config.namespaces)
    encoder = Encoder.load(config.srl_folder)
    stepping = Stepping(runtime, node, config.namespaces)
    cameras = encoder.cameras
    if config.camera:
        if len(cameras) > 1:
            raise ConfigError(
                f"camera is {config.camera}, and {encoder.id} encodes {', '.join(cameras)} together; leave it out"
            )
        cameras = (config.camera,)
    for namespace in config.namespaces:
        EncodedStream(stepping.node, stepping.waiter, encoder, namespace, cameras)

    def loop() -> int:
        robots = ", ".join(config.namespaces)
        node.get_logger().info(f"encoding {', '.join(cameras)} images of {robots} with {encoder.id}")
        stepping.run()
        return 0

    return loop


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    return run_program("srl", SrlNodeConfig, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
