"""SRL node: camera images in, encoded states out, with the image's stamp.

Run it with `ros2 run rl_trainer_ros srl_node --ros-args -p srl_folder:=runs/srl/autoencoder`; the parameters are the fields
of `SrlNodeConfig`. It keeps no state between images but the last answer of each robot: a repeated image is answered again
without encoding it, and after a restart the node goes on as if nothing had happened.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from srl_ros.encoder import Encoder, EncoderError

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.ros import contract, messages
from robot_interface_ros.ros.contract import absolute
from robot_interface_ros.ros.parameters import from_parameters
from robot_interface_ros.ros.runtime import Runtime
from robot_interface_ros.ros.serving import ServiceThread, check_namespaces
from robot_interface_ros.ros.waiting import Waiter, make_waiter


@dataclass(frozen=True)
class SrlNodeConfig:
    """Which encoder serves which robots."""

    srl_folder: str = option("runs/srl/autoencoder", "folder of the trained encoder")
    camera: str = option("external", "camera whose images are encoded")
    namespaces: tuple[str, ...] = option(("/env_0",), "robots whose images are encoded")
    torch_threads: int = option(1, "threads of the encoder", minimum=1, maximum=256)


class EncodedStream:
    """Answers the images of one robot."""

    def __init__(self, node: Node, waiter: Waiter, encoder: Encoder, namespace: str, camera: str):
        self._node, self._encoder, self._namespace = node, encoder, namespace
        self._publisher = node.create_publisher(JointState, absolute(namespace, contract.SRL_STATE), contract.RELIABLE)
        waiter.subscribe(Image, absolute(namespace, contract.image_topic(camera)), self._on_image)
        self._writer = messages.srl_state_writer(encoder.state_dim, encoder.id)
        self._last: tuple[int, JointState] | None = None

    def _on_image(self, message: Image) -> None:
        stamp = messages.stamp_ns(message)
        if self._last is None or self._last[0] != stamp:
            try:
                state = self._encoder.encode(messages.image_array(message))
            except (EncoderError, messages.MessageError) as error:  # a camera of another size: say so, and stay
                self._node.get_logger().error(f"{self._namespace}: {error}", throttle_duration_sec=5.0)
                return
            self._last = (stamp, self._writer.write(stamp, state))
        self._publisher.publish(self._last[1])


def run(runtime: Runtime, node: Node) -> None:
    """Encode until a signal comes."""
    config = from_parameters(node, SrlNodeConfig)
    check_namespaces(config.namespaces)
    torch.set_num_threads(config.torch_threads)
    encoder = Encoder.load(config.srl_folder)
    services = ServiceThread(runtime)
    services.add(node)
    services.start()
    stepping = Node(
        "srl_lockstep",
        context=runtime.context,
        start_parameter_services=False,
        enable_rosout=False,
        use_global_arguments=False,
    )
    waiter = make_waiter(stepping)
    runtime.on_stop(waiter.wake)
    streams = [EncodedStream(stepping, waiter, encoder, namespace, config.camera) for namespace in config.namespaces]
    node.get_logger().info(f"encoding {config.camera} images of {len(streams)} robot(s) with {encoder.id}")
    while not runtime.stop_requested:
        waiter.wait(1.0)
    services.close()


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    with Runtime(sys.argv if arguments is None else arguments) as runtime:
        node = Node("srl", context=runtime.context, automatically_declare_parameters_from_overrides=True)
        try:
            run(runtime, node)
        except (ConfigError, EncoderError) as error:
            print(f"srl: {error}", file=sys.stderr, flush=True)
            return 2
        return 0


if __name__ == "__main__":
    sys.exit(main())
