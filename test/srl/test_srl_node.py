"""The SRL node: several cameras, several robots, wrong images, and what it reports in /diagnostics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from robot_interface_ros.config import ConfigError
from robot_interface_ros.names import check_camera
from srl_ros.encoder import Encoder, EncoderError
from srl_ros.networks import StateNetwork
from srl_ros.stream_figures import Level, StreamFigures

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

    def subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None], qos: Any = None) -> None:
        self.callbacks[topic] = callback

    def get_logger(self) -> Node:
        return self

    def error(self, text: str, **throttle: Any) -> None:
        self.errors.append(text)

    def info(self, text: str) -> None:
        pass


def one_camera_encoder() -> Encoder:
    return Encoder(StateNetwork(16, 16, points=2), (16, 16, 3), "random", {}, {})


def image(sec: int, pixels: np.ndarray, encoding: str = "rgb8") -> Any:
    from sensor_msgs.msg import Image

    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, step=3 * pixels.shape[1])
    message.header.stamp.sec = sec
    message.data = pixels.tobytes()
    return message


def test_it_waits_for_all_cameras_of_a_stamp_whatever_their_order() -> None:
    from srl_ros.ros.encoded_stream import EncodedStream

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
    external(image(1, IMAGES[0, 0]))  # the robot sends the moment again: the state is sent again
    above(image(1, IMAGES[0, 1]))
    assert [stamp for stamp, _ in node.published] == [1, 1]
    assert all(state.tobytes() == encoder.encode(IMAGES[0]).tobytes() for _, state in node.published)
    above(image(1, IMAGES[1, 1]))  # a restarted robot has other images with the same stamp
    external(image(1, IMAGES[1, 0]))
    assert node.published[2][1].tobytes() == encoder.encode(IMAGES[1]).tobytes()


def test_a_wrong_size_or_encoding_is_refused_by_an_error_that_names_both() -> None:
    from srl_ros.ros.encoded_stream import EncodedStream

    encoder, node = one_camera_encoder(), Node()
    stream = EncodedStream(node, node, encoder, "/env_0", ("external",))  # type: ignore[arg-type]
    (external,) = node.callbacks.values()
    external(image(1, IMAGES[0, 0, :8]))
    external(image(2, IMAGES[0, 0], "bgr8"))
    ending = f"; {encoder.id} encodes 16x16 pixels, rgb8: set the camera to this size and encoding"
    assert node.published == []
    assert node.errors[0].startswith(f"/env_0/camera/external/image_raw: image of 16x8 pixels, rgb8{ending}")
    assert node.errors[1].startswith(f"/env_0/camera/external/image_raw: image of 16x16 pixels, bgr8{ending}")
    assert stream.figures.report()[:2] == (Level.ERROR, node.errors[1])
    external(image(3, IMAGES[0, 0]))  # the camera was set right
    assert stream.figures.report()[0] is Level.OK and len(node.published) == 1
    cut = image(4, IMAGES[0, 0])
    cut.data = cut.data[:100]
    external(cut)
    topic = "/env_0/camera/external/image_raw"
    assert node.errors[2] == f"{topic}: image of 16x16 rgb8 with step 48 has 100 bytes; expected 768"
    narrow = image(5, IMAGES[0, 0])
    narrow.step, narrow.data = 16, narrow.data[:256]
    external(narrow)
    assert node.errors[3] == f"{topic}: image of 16x16 rgb8 with step 16 has 256 bytes; expected a step of 48 or more"
    padded = image(6, np.pad(IMAGES[0, 0], ((0, 0), (0, 2), (0, 0))))
    padded.width = 16
    external(padded)
    assert node.published[-1][1].tobytes() == encoder.encode(IMAGES[0, 0]).tobytes()


@pytest.mark.bad_input
@pytest.mark.parametrize("camera", ["a b", "/external", "external/", "1st", "a//b", ""])
def test_a_camera_that_no_topic_can_be_named_after_is_one_line(camera: str, tmp_path: Any) -> None:
    from srl_ros.ros.srl_node import SrlNodeConfig, prepare

    network = StateNetwork(16, 16, points=2)
    Encoder(network, (16, 16, 3), "random", {}, {}, (camera or "a,b",)).save(tmp_path)
    with pytest.raises(ConfigError, match="a topic is named after it") as caught:
        prepare(None, None, SrlNodeConfig(str(tmp_path)))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    check_camera("head/left_eye")


def test_a_trainer_whose_encoder_learns_gives_it_new_ones() -> None:
    """The images that the old one has encoded get a state of the new one, because the trainer waits for that."""
    from std_msgs.msg import String

    from srl_ros.ros.encoded_stream import EncodedStream

    first, second, other = (
        one_camera_encoder(),
        one_camera_encoder(),
        Encoder(StateNetwork(16, 16, points=3), (16, 16, 3), "random", {}, {}),
    )
    node, folders = Node(), {"/new": second, "/other": other}

    def load(folder: str) -> Encoder:
        if folder not in folders:
            raise EncoderError(f"no trained encoder at {folder}")
        return folders[folder]

    stream = EncodedStream(node, node, first, "/env_0", ("external",), load=load)  # type: ignore[arg-type]
    external, named = node.callbacks["/env_0/camera/external/image_raw"], node.callbacks["/env_0/srl_encoder"]
    external(image(1, IMAGES[0, 0]))
    for folder in ("/new", "/new"):  # the second time it is the same
        named(String(data=folder))
    external(image(1, IMAGES[0, 0]))
    expected = [first.encode(IMAGES[0, 0]), *[second.encode(IMAGES[0, 0])] * 2]
    assert [state.tobytes() for _, state in node.published] == [state.tobytes() for state in expected]
    named(String(data="/other"))
    named(String(data="/nowhere"))
    assert stream.encoder is second
    assert node.errors == [
        f"/env_0: {other.id} has other state_dim than {second.id}; it is not used",
        "/env_0: no trained encoder at /nowhere",
    ]


def test_in_real_time_the_newest_moments_of_all_robots_are_one_batch() -> None:
    from srl_ros.ros.encoded_stream import EncodedStream, encode_together

    encoder, node = one_camera_encoder(), Node()
    batches: list[int] = []
    encode_batch = encoder.encode_batch
    encoder.encode_batch = lambda images: (batches.append(len(images)), encode_batch(images))[1]  # type: ignore[method-assign]
    streams = [
        EncodedStream(node, node, encoder, name, ("external",), lambda stream: None)  # type: ignore[arg-type]
        for name in ("/env_0", "/env_1", "/env_2")
    ]
    first, second, _ = node.callbacks.values()
    first(image(1, IMAGES[0, 0]))
    first(image(2, IMAGES[1, 0]))  # newer: the one before is dropped
    second(image(2, IMAGES[2, 0]))
    assert node.published == []
    encode_together(streams)
    encode_together(streams)  # nothing new
    assert batches == [2]
    assert [stamp for stamp, _ in node.published] == [2, 2]
    for (_, state), images in zip(node.published, IMAGES[1:, 0]):
        np.testing.assert_allclose(state, encoder.encode(images), atol=1e-5)
    assert [stream.figures.dropped for stream in streams] == [1, 0, 0]


def test_dropped_frames_are_moments_that_are_never_encoded() -> None:
    from srl_ros.ros.encoded_stream import EncodedStream

    encoder = Encoder(StateNetwork(16, 16, points=2, cameras=2), (16, 16, 3), "random", {}, {}, ("external", "above"))
    node = Node()
    stream = EncodedStream(node, node, encoder, "/env_0", encoder.cameras)  # type: ignore[arg-type]
    external, above = node.callbacks.values()

    def both(sec: int) -> None:
        external(image(sec, IMAGES[sec % 3, 0]))
        above(image(sec, IMAGES[sec % 3, 1]))

    both(1)
    external(image(2, IMAGES[2, 0]))  # the other camera's image is lost
    both(3)
    external(image(1, IMAGES[1, 0]))  # late copies of images that were encoded
    external(image(3, IMAGES[0, 0]))
    both(4)
    assert (stream.figures.encoded, stream.figures.dropped) == (3, 1)
    level, text, values = stream.figures.report()
    assert (level, text) == (Level.WARN, "1 dropped frames since the last report")
    assert values["dropped frames"] == 1 and values["states"] == 3
    assert stream.figures.report()[:2] == (Level.OK, "waiting for images")
    for sec in range(5, 16):  # one camera fails, and the other goes on
        external(image(sec, IMAGES[0, 0]))
    told = stream.figures.report(stream.missing)
    assert told[:2] == (Level.WARN, "3 dropped frames since the last report; there are no images of above")
    external(image(15, IMAGES[0, 0]))  # in lockstep the same moment comes again and again
    assert stream.figures.report(stream.missing)[:2] == (Level.WARN, "no states; there are no images of above")


def test_cameras_with_different_delays_lose_no_moment() -> None:
    """In real time an image of one camera may come while an older moment still waits for the other camera."""
    from srl_ros.ros.encoded_stream import EncodedStream

    encoder = Encoder(StateNetwork(16, 16, points=2, cameras=2), (16, 16, 3), "random", {}, {}, ("external", "above"))
    node = Node()
    stream = EncodedStream(node, node, encoder, "/env_0", encoder.cameras)  # type: ignore[arg-type]
    external, above = node.callbacks.values()
    for sec in range(10, 16):
        external(image(sec, IMAGES[0, 0]))
        if sec > 11:
            above(image(sec - 2, IMAGES[0, 1]))
    assert [stamp for stamp, _ in node.published] == [10, 11, 12, 13] and stream.figures.dropped == 0
    external(image(3, IMAGES[1, 0]))  # the robot was restarted: its clock begins anew
    above(image(3, IMAGES[1, 1]))
    above(image(14, IMAGES[2, 1]))  # no state of this image and one from before the restart
    assert [stamp for stamp, _ in node.published] == [10, 11, 12, 13, 3]
    external(image(14, IMAGES[2, 0]))
    assert node.published[-1][1].tobytes() == encoder.encode(IMAGES[2]).tobytes()


def test_latency_is_from_the_first_image_to_the_state() -> None:
    times = iter((0.0, 2.0, 4.0))
    figures = StreamFigures(lambda: next(times))
    for latency_s, encoding_s in ((0.002, 0.001), (0.004, 0.001), (0.006, 0.004)):
        figures.published(latency_s, encoding_s)
    level, text, values = figures.report()
    assert (level, text, values["rate (Hz)"]) == (Level.OK, "encoding", 1.5)
    assert values["latency median (ms)"] == pytest.approx(4.0) and values["encoding median (ms)"] == pytest.approx(1.0)


@pytest.mark.srl_node
def test_diagnostics_have_an_entry_for_each_robot(start: Callable, domain: int, random_encoder: str) -> None:
    """The node itself, in real time, with images of two robots of which one has the wrong size."""
    import time

    from diagnostic_msgs.msg import DiagnosticArray
    from sensor_msgs.msg import Image

    from robot_interface_ros.ros.transport.contract import RELIABLE
    from robot_interface_ros.ros.transport.runtime import Runtime
    from robot_interface_ros.ros.transport.waiting import make_waiter

    start("srl_ros.ros.srl_node", srl_folder=random_encoder, namespaces="[/a, /b]", realtime=True).wait_for("encoding")
    entries: dict[str, Any] = {}
    with Runtime(signals=False) as runtime:
        node = runtime.node("images", start_parameter_services=False)
        waiter = make_waiter(node)
        publishers = [node.create_publisher(Image, f"/{name}/camera/external/image_raw", RELIABLE) for name in "ab"]
        waiter.subscribe(
            DiagnosticArray, "/diagnostics", lambda message: entries.update({e.hardware_id: e for e in message.status})
        )
        deadline, sec = time.monotonic() + 60.0, 0
        while time.monotonic() < deadline:
            sec += 1
            for publisher, height in zip(publishers, (64, 48)):
                publisher.publish(image(sec, np.zeros((height, 64, 3), np.uint8)))
            waiter.wait(0.05)
            levels = {name: entry.level for name, entry in entries.items()}
            if levels == {"/a/srl_state": b"\x00", "/b/srl_state": b"\x02"} and "latency" in str(
                entries["/a/srl_state"]
            ):
                break
        waiter.close()
    good, bad = entries["/a/srl_state"], entries["/b/srl_state"]
    values = {pair.key: pair.value for pair in good.values}
    assert good.name == "srl: /a" and good.message in ("encoding", "waiting for images")
    assert (
        values["encoder"].startswith("random-")
        and int(values["states"]) > 0
        and float(values["latency median (ms)"]) > 0
    )
    assert "image of 64x48 pixels, rgb8" in bad.message and "encodes 64x64 pixels, rgb8" in bad.message
