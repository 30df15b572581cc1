"""Publishes the images, depths and intrinsics of a robot's cameras."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from robot_interface_ros.cameras import Pinhole
from robot_interface_ros.robot import Observation
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.contract import absolute


class CameraStreams:
    """Topics of one robot's cameras."""

    def __init__(self, node: Node, namespace: str, models: Mapping[str, Pinhole], first: Observation):
        """`models`: known intrinsics by camera; `first`: an observation with images of the other cameras."""
        self._models, self._namespace = models, namespace
        depths = {*first.depths, *(camera for camera, model in models.items() if model.depth)}

        def publishers(kind: type, cameras: Iterable[str], topic: Any) -> dict[str, Any]:
            return {
                camera: node.create_publisher(kind, absolute(namespace, topic(camera)), contract.RELIABLE)
                for camera in cameras
            }

        self._images = publishers(Image, {**models, **first.images}, contract.image_topic)
        self._depths = publishers(Image, sorted(depths), contract.depth_topic)
        self._infos = publishers(CameraInfo, models, contract.camera_info_topic)
        self._writers = {camera: messages.CameraInfoWriter(models[camera], self._frame(camera)) for camera in models}

    def publish(
        self, stamp: int, images: Mapping[str, NDArray[np.uint8]], depths: Mapping[str, NDArray[np.float32]]
    ) -> None:
        """Publish images, depths and intrinsics with one stamp; intrinsics never change and need a subscriber."""
        for camera, image in images.items():
            self._images[camera].publish(messages.image_message(stamp, image, self._frame(camera)))
        for camera, depth in depths.items():
            self._depths[camera].publish(messages.depth_message(stamp, depth, self._frame(camera)))
        for camera, publisher in self._infos.items():
            if camera in images and publisher.get_subscription_count():
                publisher.publish(self._writers[camera].write(stamp))

    def watched(self) -> tuple[str, ...]:
        """Return the cameras whose topics have subscribers now."""
        return tuple(
            camera
            for camera in self._images
            if any(
                kind[camera].get_subscription_count()
                for kind in (self._images, self._depths, self._infos)
                if camera in kind
            )
        )

    def _frame(self, camera: str) -> str:
        model = self._models.get(camera)
        return contract.frame(self._namespace, model.frame if model else f"{camera}_camera_optical_frame")
