"""Profile of a step with one image: physics, rendering, composing, messages, publication, encoding, each measured alone.

Run it with `.venv/bin/python benchmarks/camera_step.py`, or `... rounds:=9 sizes:=[64,224]`. Every figure is the fastest
of several rounds in which the sizes alternate. Publication goes to a subscription of the same process. It prints a Markdown
table, as in docs/performance.md.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rendering import Moving
from rendering import Options as RenderingOptions

from rl_trainer_ros import factories
from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.environments.transition_recording import record
from robot_interface_ros.config import option
from robot_sim_ros.cameras.camera import Camera, Renderer

CAMERA = "external"


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    rounds: int = option(15, "rounds; every figure is their fastest", minimum=1, maximum=1000)
    steps: int = option(50, "steps of each part in a round", minimum=5, maximum=100_000)
    sizes: tuple[int, ...] = option((64, 224), "widths of square images, pixels")


def mean_us(call: Callable[[], Any], times: int) -> float:
    """Return the mean time of a call, microseconds."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times * 1e6


class Stopwatch:
    """Counts the time within a method of a class."""

    def __init__(self, kind: Any, method: str):
        self.spent_s, plain = 0.0, getattr(kind, method)

        def timed(*arguments: Any) -> Any:
            start = time.perf_counter()
            result = plain(*arguments)
            self.spent_s += time.perf_counter() - start
            return result

        setattr(kind, method, timed)


def encoder_of(size: int) -> Any:
    """Return an untrained encoder of images of this size."""
    with tempfile.TemporaryDirectory() as folder:
        simulation = {"cameras": (CAMERA,), "image_width": size, "image_height": size}
        environment = make_robot_env(simulation=simulation, end_at_success=False)
        source = factories.dataset(**record(environment, (CAMERA,), 100, seed=0))
        environment.close()
        factories.train_encoder(source, factories.training_config("random", seed=0), Path(folder), pictures=False)
        return factories.load_encoder(folder)


class Messages:
    """Sends images to a subscription of this process."""

    def __init__(self) -> None:
        from rclpy.serialization import deserialize_message, serialize_message
        from sensor_msgs.msg import Image

        from robot_interface_ros.ros.transport import contract, messages
        from robot_interface_ros.ros.transport.runtime import Runtime
        from robot_interface_ros.ros.transport.waiting import make_waiter

        self._runtime = Runtime(signals=False)
        node = self._runtime.topic_node("camera_step", ())
        self._waiter, self._publisher = make_waiter(node), node.create_publisher(Image, "image", contract.RELIABLE)
        self._waiter.subscribe(Image, "image", lambda data: None, raw=True)
        while not self._publisher.get_subscription_count():
            self._waiter.wait(0.1)
        self.write = lambda image: bytes(serialize_message(messages.image_message(1, image, "frame")))
        self.read = lambda data: messages.image_array(deserialize_message(data, Image))

    def send(self, data: bytes) -> None:
        """Publish an image and wait until it has come."""
        self._publisher.publish(data)
        self._waiter.wait(1.0)


class Profile:
    """Measures the parts of a step with an image of one size."""

    def __init__(self, size: int, topics: Messages, stopwatches: tuple[Stopwatch, Stopwatch]):
        """`stopwatches`: of getCameraImage and of all that makes an image."""
        seen = {"cameras": (CAMERA,), "image_width": size, "image_height": size}
        self._robot = Moving(RenderingOptions(), realtime=False, **seen)
        self._topics, self._stopwatches, self._encoder = topics, stopwatches, encoder_of(size)

    def measure(self, steps: int) -> dict[str, float]:
        """Return the time of each part, microseconds."""
        topics = self._topics
        for stopwatch in self._stopwatches:
            stopwatch.spent_s = 0.0
        whole = mean_us(self._robot.step, steps)
        rendered, drawn = (stopwatch.spent_s / steps * 1e6 for stopwatch in self._stopwatches)
        image = np.array(self._robot.observation.images[CAMERA])
        data = topics.write(image)
        return {
            "physics and limits": whole - drawn,
            "rendering in PyBullet": rendered,
            "static and moving parts put together, rgb": drawn - rendered,
            "image -> message -> bytes": mean_us(lambda: topics.write(image), steps),
            "publication and waiting": mean_us(lambda: topics.send(data), steps),
            "bytes -> message -> image": mean_us(lambda: topics.read(data), steps),
            "encoding on one thread": mean_us(lambda: self._encoder.encode(image), steps),
        }


def main() -> int:
    """Measure and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    topics, stopwatches = Messages(), (Stopwatch(Renderer, "_draw"), Stopwatch(Camera, "draw"))
    profiles = {size: Profile(size, topics, stopwatches) for size in options.sizes}
    found: dict[int, list[dict[str, float]]] = {size: [] for size in options.sizes}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for size, profile in profiles.items():
            found[size].append(profile.measure(options.steps))
    fastest = {
        size: {part: min(round_[part] for round_ in rounds) for part in rounds[0]} for size, rounds in found.items()
    }
    print(f"| part | {' | '.join(f'{size}x{size}, us | share' for size in options.sizes)} |")
    print("|---|" + "---|---|" * len(options.sizes))
    for part in fastest[options.sizes[0]]:
        cells = [f"{us[part]:.0f} | {100 * us[part] / sum(us.values()):.0f} %" for us in fastest.values()]
        print(f"| {part} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
