"""The SRL node with several cameras: it encodes when the images of one stamp are all there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srl_ros.encoder import Encoder
from srl_ros.networks import StateNetwork

pytestmark = pytest.mark.ros
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 2, 16, 16, 3), dtype=np.uint8)


class Node:
    """Stands for rclpy's node and for the waiter: keeps what is published, and the callbacks by topic."""

    def __init__(self) -> None:
        self.published: list[Any] = []
        self.callbacks: dict[str, Callable[[Any], None]] = {}
        self.errors: list[str] = []

    def create_publisher(self, kind: Any, topic: str, qos: Any) -> Node:
        return self

    def publish(self, message: Any) -> None:
        self.published.append((message.header.stamp.sec, np.array(message.position)))

    def subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None]) -> None:
        self.callbacks[topic] = callback

    def get_logger(self) -> Node:
        return self

    def error(self, text: str, **throttle: Any) -> None:
        self.errors.append(text)


def image(sec: int, pixels: np.ndarray) -> Any:
    from sensor_msgs.msg import Image

    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding="rgb8", step=3 * pixels.shape[1])
    message.header.stamp.sec = sec
    message.data = pixels.tobytes()
    return message


def test_it_waits_for_all_cameras_of_a_stamp_whatever_their_order() -> None:
    from srl_ros.ros.srl_node import EncodedStream

    encoder = Encoder(
        StateNetwork(16, 16, points=2, cameras=2), (16, 16, 3), "random", {}, {}, ("external", "above"), "d"
    )
    node = Node()
    EncodedStream(node, node, encoder, "/env_0", encoder.cameras)  # type: ignore[arg-type]
    external, above = (node.callbacks[f"/env_0/camera/{name}/image_raw"] for name in ("external", "above"))
    external(image(1, IMAGES[0, 0]))
    assert node.published == []
    above(image(2, IMAGES[1, 1]))  # of another moment
    assert node.published == []
    above(image(1, IMAGES[0, 1]))
    external(image(1, IMAGES[0, 0]))  # a repetition is answered again
    assert [stamp for stamp, _ in node.published] == [1, 1]
    assert all(state.tobytes() == encoder.encode(IMAGES[0]).tobytes() for _, state in node.published)
    above(image(3, IMAGES[2, 1]))
    external(image(3, IMAGES[2, 0, :8]))
    assert len(node.published) == 2 and "of camera external" in node.errors[0]
