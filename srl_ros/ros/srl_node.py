"""SRL node: encodes camera images, and publishes the states with the stamp of the images.

Run it with `ros2 run rl_trainer_ros srl_node --ros-args -p srl_folder:=runs/srl/autoencoder`; its parameters are the fields
of `SrlNodeConfig`. Between images it stores only the last state of each robot: a repeated image gets the same state without
encoding it again. A restart has no other effect than a short delay. A trainer whose encoder learns names the folder of each
new one in `<namespace>/srl_encoder`. Once a second the node reports each robot in /diagnostics.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.names import check_camera, check_namespaces
from robot_interface_ros.realtime.ticker import Ticker
from robot_interface_ros.ros.serving.program import Loop, Stepping, run_program
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.runtime import Runtime
from srl_ros.encoder import Encoder
from srl_ros.ros.encoded_stream import EncodedStream, encode_together

_DIAGNOSTICS_NS = 1_000_000_000


@dataclass(frozen=True)
class SrlNodeConfig:
    """Settings of the SRL node: the encoder, the camera and the robots."""

    srl_folder: str = option("runs/srl/autoencoder", "folder of the trained encoder", path=True)
    camera: str = option(
        "", "for an encoder of one camera: camera that provides the images; empty: the camera of the encoder"
    )
    namespaces: tuple[str, ...] = option(("env_0",), "namespaces of the robots whose images are encoded")
    realtime: bool = option(
        False,
        "robots run in real time: their newest images are encoded together; false: lockstep, each image is encoded alone, bit "
        "for bit as in process",
    )


class Diagnostics:
    """Publishes an entry of /diagnostics for each robot, once a second."""

    def __init__(self, node: Node, streams: Sequence[EncodedStream]):
        self._node, self._streams = node, streams
        self._publisher = node.create_publisher(DiagnosticArray, contract.DIAGNOSTICS, contract.RELIABLE)
        self._due = Ticker(_DIAGNOSTICS_NS)

    @property
    def left_s(self) -> float:
        """Time until the next report, s."""
        return max(0.0, self._due.left_s)

    def publish_when_due(self) -> None:
        """Publish if a second has passed."""
        if self._due.left_s > 0.0:
            return
        self._due.tick()
        message = DiagnosticArray(status=[self._status(stream) for stream in self._streams])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _status(self, stream: EncodedStream) -> object:
        level, text, values = stream.figures.report(stream.missing)
        name = f"{self._node.get_name().removesuffix('_topics')}: {stream.namespace}"
        topic = f"{stream.namespace}/{contract.SRL_STATE}"  # not the robot's own entry, which has its namespace here
        return messages.diagnostic_status(level.value, name, topic, text, {"encoder": stream.encoder.id, **values})


def prepare(runtime: Runtime, node: Node, config: SrlNodeConfig) -> Loop:
    """Load the encoder and subscribe; the loop encodes until a signal comes."""
    check_namespaces(config.namespaces)
    encoder = Encoder.load(config.srl_folder)
    cameras = encoder.cameras
    if config.camera:
        if len(cameras) > 1:
            raise ConfigError(
                f"camera is {config.camera}, and {encoder.id} encodes {', '.join(cameras)} together; leave it out"
            )
        cameras = (config.camera,)
    for camera in cameras:
        check_camera(camera)
    stepping = Stepping(runtime, node, config.namespaces)
    later = (lambda stream: None) if config.realtime else None  # encoded after the wait, together
    load = None if config.realtime else lru_cache(maxsize=2)(Encoder.load)  # the robots of a training get the same one
    streams = [
        EncodedStream(stepping.node, stepping.waiter, encoder, namespace, cameras, later, load)
        for namespace in config.namespaces
    ]
    diagnostics = Diagnostics(stepping.node, streams)

    def turn() -> None:
        stepping.waiter.wait(diagnostics.left_s)
        if config.realtime:
            encode_together(streams)
        diagnostics.publish_when_due()

    def loop() -> int:
        robots = ", ".join(config.namespaces)
        node.get_logger().info(f"encoding {', '.join(cameras)} images of {robots} with {encoder.id}")
        stepping.run(turn)
        return 0

    return loop


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    return run_program("srl", SrlNodeConfig, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
