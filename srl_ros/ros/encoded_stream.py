"""The states of one robot: collects the images of a moment, and publishes its state with the same stamp."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.waiting import Waiter
from srl_ros.encoder import Encoder
from srl_ros.stream_figures import StreamFigures

_MOST_WAITING = 8
"""Moments of which some camera's image has not come yet; the oldest is forgotten beyond that."""


@dataclass
class Moment:
    """The images of one stamp, camera -> message, and when the first of them came, s on the steady clock."""

    stamp: int
    images: dict[str, Image] = field(default_factory=dict)
    came_s: float = field(default_factory=time.monotonic)


class EncodedStream:
    """Publishes a state for the images of one robot, when the images of all cameras with one stamp have arrived.

    Between images it stores only the last moment and its state: repeated images get the same state without encoding them again.
    """

    def __init__(
        self,
        node: Node,
        waiter: Waiter,
        encoder: Encoder,
        namespace: str,
        cameras: tuple[str, ...],
        on_moment: Callable[[EncodedStream], None] | None = None,
        load: Callable[[str], Encoder] | None = None,
    ):
        """`cameras`: cameras that provide the images, in the order of the encoder's cameras.

        `on_moment`: called when `complete` has a moment to encode; None: it is encoded at once. `load`: returns the
        encoder of a folder, for a trainer whose encoder learns and names new ones; None: it does not change.
        """
        self._node, self.encoder, self._cameras = node, encoder, cameras
        self.namespace, self.figures = namespace, StreamFigures()
        self.complete: Moment | None = None
        """The newest moment that is not encoded yet."""
        self._on_moment = on_moment or (lambda stream: encode_one_by_one([stream]))
        self._publisher = node.create_publisher(JointState, absolute(namespace, contract.SRL_STATE), contract.RELIABLE)
        self._waiting: dict[int, Moment] = {}
        self._writer = messages.srl_state_writer(encoder.state_dim, encoder.id)
        self._last: tuple[Moment, JointState] | None = None
        self._encoded_stamps: deque[int] = deque(maxlen=2 * _MOST_WAITING)
        for camera in cameras:
            topic = absolute(namespace, contract.image_topic(camera))
            waiter.subscribe(Image, topic, partial(self._on_image, camera))
        if load is not None:
            topic = absolute(namespace, contract.SRL_ENCODER)
            waiter.subscribe(String, topic, partial(self._on_encoder, load), contract.LATCHED)

    def _on_encoder(self, load: Callable[[str], Encoder], message: String) -> None:
        """Use the encoder that a trainer has made; the last images get a state of the new encoder too."""
        try:
            encoder = load(message.data)
        except ValueError as error:
            self.refuse(f"{self.namespace}: {error}")
            return
        if encoder.id == self.encoder.id:
            return
        same = ("cameras", "image_shape", "state_dim")
        other = [name for name in same if getattr(encoder, name) != getattr(self.encoder, name)]
        if other:
            self.refuse(
                f"{self.namespace}: {encoder.id} has other {', '.join(other)} than {self.encoder.id}; it is not used"
            )
            return
        self._node.get_logger().info(f"{self.namespace}: encodes with {encoder.id} from now on")
        self.encoder = encoder
        self._writer = messages.srl_state_writer(encoder.state_dim, encoder.id)
        if self._last is not None:
            self.complete, self._last = self.complete or self._last[0], None
            self._on_moment(self)

    def _on_image(self, camera: str, message: Image) -> None:
        if wrong := self._unfit(camera, message):
            self.refuse(wrong)
            return
        stamp = messages.stamp_ns(message)
        moment = self._waiting.setdefault(stamp, Moment(stamp))
        moment.images[camera] = message
        if len(moment.images) < len(self._cameras):
            while len(self._waiting) > _MOST_WAITING:  # an image was lost; in lockstep it is sent again
                self._count_dropped(self._waiting.pop(next(iter(self._waiting))).stamp)
            return
        self._forget_before(stamp)
        if self._last is not None and self._is_last(moment):
            self.figures.repeated += 1
            self._publisher.publish(self._last[1])
            return
        self.figures.dropped += self.complete is not None
        self.complete = moment
        self._on_moment(self)

    @property
    def missing(self) -> list[str]:
        """The cameras whose images the newest incomplete moment lacks."""
        newest = next(reversed(self._waiting.values()), None)
        return [camera for camera in self._cameras if newest is not None and camera not in newest.images]

    def take(self) -> tuple[Moment, NDArray[np.uint8]] | None:
        """Return the moment to encode and its images, `(cameras, height, width, 3)`; None: there is none."""
        moment, self.complete = self.complete, None
        if moment is None:
            return None
        images = []
        for camera in self._cameras:
            try:
                images.append(messages.image_array(moment.images[camera]))
            except messages.MessageError as error:
                self.refuse(f"{absolute(self.namespace, contract.image_topic(camera))}: {error}")
                return None
        return moment, np.stack(images)

    def publish(self, moment: Moment, state: NDArray[np.float64], encoding_s: float) -> None:
        """Publish the state of a moment."""
        self._last = (moment, self._writer.write(moment.stamp, state))
        self._publisher.publish(self._last[1])
        self._encoded_stamps.append(moment.stamp)
        self.figures.published(time.monotonic() - moment.came_s, encoding_s)

    def refuse(self, reason: str) -> None:
        """Say why images are not encoded, and stay."""
        self.figures.refuse(reason)
        self._node.get_logger().error(reason, throttle_duration_sec=5.0)

    def _forget_before(self, stamp: int) -> None:
        """Forget the moments up to a complete one. Newer ones stay: cameras may come with different delays.

        After a restart of the robot, whose clock begins anew, nothing of the time before stays.
        """
        restarted = bool(self._encoded_stamps) and stamp < self._encoded_stamps[-1]
        for other in [other for other in self._waiting if other <= stamp or restarted]:
            del self._waiting[other]
            if other < stamp:
                self._count_dropped(other)

    def _is_last(self, moment: Moment) -> bool:
        """Whether a moment has the stamp and the images of the last state; those of a restarted robot differ."""
        assert self._last is not None
        last = self._last[0]
        return last.stamp == moment.stamp and all(
            last.images[camera].data == moment.images[camera].data for camera in self._cameras
        )

    def _count_dropped(self, stamp: int) -> None:
        """Count a moment that will not be encoded, unless its images came late or twice and it was."""
        self.figures.dropped += stamp not in self._encoded_stamps

    def _unfit(self, camera: str, message: Image) -> str:
        """Return why the encoder cannot encode an image of a camera; empty: it can."""
        height, width, _ = self.encoder.image_shape
        if (message.height, message.width, message.encoding) == (height, width, "rgb8"):
            return ""
        topic = absolute(self.namespace, contract.image_topic(camera))
        return (
            f"{topic}: image of {message.width}x{message.height} pixels, {message.encoding or 'no encoding'}; "
            f"{self.encoder.id} encodes {width}x{height} pixels, rgb8: set the camera to this size and encoding, or train "
            "an encoder on its images"
        )


def encode_one_by_one(streams: Sequence[EncodedStream]) -> None:
    """Encode the complete moments, each alone: the same bits as the encoder in process."""
    for stream in streams:
        if taken := stream.take():
            began = time.monotonic()
            state = stream.encoder.encode(taken[1])
            stream.publish(taken[0], state, time.monotonic() - began)


def encode_together(streams: Sequence[EncodedStream]) -> None:
    """Encode the complete moments of several robots as one batch: faster, and equal up to the last bits.

    All have the same encoder: new ones come in lockstep only.
    """
    taken = [(stream, *found) for stream in streams if (found := stream.take())]
    if not taken:
        return
    began = time.monotonic()
    states = taken[0][0].encoder.encode_batch(np.stack([images for _, _, images in taken]))
    share_s = (time.monotonic() - began) / len(taken)
    for (stream, moment, _), state in zip(taken, states):
        stream.publish(moment, state, share_s)
