"""Measure the SRL node: latency and images/s for several robots and image sizes, and its share of a lockstep step.

Run it with `.venv/bin/python benchmarks/srl_node.py rounds:=5`. The first table publishes images of a camera for 1 and 4 robots
and waits for all states: in lockstep each image is encoded alone, in real time those of all robots together. `in process` is
the encoder alone, without topics. The second table steps robots in lockstep over topics, in turns without and with a state; the
simulator renders the same images in both. Every figure is the median of the rounds.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import processes
import torch
from random_steps import step_times
from sensor_msgs.msg import Image, JointState
from simulators import simulators
from stable_baselines3.common.vec_env import VecEnv

from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.environments.frame_stack import limited
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.environments.vectorised.robot_vec_env import RobotVecEnv
from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
from robot_interface_ros.config import option
from robot_interface_ros.ros.transport import messages
from robot_interface_ros.ros.transport.contract import RELIABLE
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter
from srl_ros.encoder import Encoder
from srl_ros.networks import StateNetwork

NODE, CAMERA, LONGEST_S = "srl_ros.ros.srl_node", "external", 10.0


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    rounds: int = option(5, "rounds; every figure is their median", minimum=1, maximum=1000)
    images: int = option(300, "moments per round", minimum=10, maximum=100_000)
    steps: int = option(600, "steps per round, of all robots together", minimum=20, maximum=1_000_000)
    robots: tuple[int, ...] = option((1, 4), "numbers of robots")
    sizes: tuple[int, ...] = option((64, 224), "widths of the square images, pixels")
    network: str = option("feature_points", "kind of network")


def save_encoder(folder: Path, size: int, network: str) -> Encoder:
    """Save an untrained encoder: its numbers mean nothing, and take as long as those of a trained one."""
    torch.manual_seed(0)
    outputs = 0 if network == "feature_points" else 64
    encoder = Encoder(
        StateNetwork(size, size, outputs=outputs, kind=network), (size, size, 3), "random", {}, {}, (CAMERA,)
    )
    encoder.save(folder)
    return encoder


def encoding_ms(encoder: Encoder, images: int) -> float:
    """Return the median time to encode an image in this process, ms."""
    image = np.random.default_rng(0).integers(0, 256, encoder.image_shape, dtype=np.uint8)
    times = []
    for _ in range(images):
        began = time.perf_counter()
        encoder.encode(image)
        times.append(time.perf_counter() - began)
    return 1e3 * statistics.median(times)


class Camera:
    """Publishes images for several robots, and waits for their states."""

    def __init__(self, runtime: Runtime, robots: int, size: int):
        self._node = runtime.node("camera", start_parameter_services=False)
        self._waiter = make_waiter(self._node)
        self._missing: set[str] = set()
        self._names = [f"/env_{i}" for i in range(robots)]
        topic = f"camera/{CAMERA}/image_raw"
        self._publishers = [self._node.create_publisher(Image, f"{name}/{topic}", RELIABLE) for name in self._names]
        for name in self._names:
            self._waiter.subscribe(JointState, f"{name}/srl_state", partial(self._on_state, name))
        self._images = np.random.default_rng(0).integers(0, 256, (16, size, size, 3), dtype=np.uint8)
        self._stamp = 0

    def _on_state(self, name: str, message: JointState) -> None:
        if messages.stamp_ns(message) == self._stamp:
            self._missing.discard(name)

    def moment(self, repeat_s: float = LONGEST_S) -> float:
        """Publish an image for each robot; return the time until the last state, s. Raises RuntimeError if one is missing."""
        self._stamp += 1_000_000
        self._missing = set(self._names)
        image = messages.image_message(self._stamp, self._images[self._stamp // 1_000_000 % 16], CAMERA)
        began = sent = time.perf_counter()
        self._publish(image)
        while self._missing:
            self._waiter.wait(0.5)
            now = time.perf_counter()
            if now - began > LONGEST_S:
                raise RuntimeError(f"no state of {', '.join(sorted(self._missing))} within {LONGEST_S:g} s")
            if self._missing and now - sent > repeat_s:
                sent = now
                self._publish(image)
        return time.perf_counter() - began

    def _publish(self, image: Image) -> None:
        for publisher in self._publishers:
            publisher.publish(image)


def node_rows(options: Options, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Yield the first table."""
    yield "| images | robots | latency, lockstep, ms | images/s | latency, real time, ms | images/s | in process, ms |"
    yield "|---|---|---|---|---|---|---|"
    for size in options.sizes:
        encoder = Encoder.load(folder / str(size))
        for robots in options.robots:
            found: dict[str, list[float]] = {"false": [], "true": [], "alone": []}
            for _ in range(options.rounds):
                for realtime in ("false", "true"):
                    found[realtime].append(
                        node_latency(options, folder / str(size), size, robots, realtime, environment)
                    )
                found["alone"].append(encoding_ms(encoder, options.images))
            lockstep, together, alone = (statistics.median(found[name]) for name in found)
            yield (
                f"| {size}x{size} | {robots} | {lockstep:.2f} | {1e3 * robots / lockstep:,.0f} | {together:.2f} | "
                f"{1e3 * robots / together:,.0f} | {alone:.2f} |"
            )


def node_latency(
    options: Options, encoder: Path, size: int, robots: int, realtime: str, environment: dict[str, str]
) -> float:
    """Return the median time from publishing an image for each robot to the last state, ms."""
    names = ", ".join(f"/env_{i}" for i in range(robots))
    told = {"srl_folder": encoder, "namespaces": f"[{names}]", "realtime": realtime}
    with processes.process(NODE, told, environment, until="encoding"), Runtime(signals=False) as runtime:
        camera = Camera(runtime, robots, size)
        camera.moment(repeat_s=0.2)  # until they have found each other
        for _ in range(10):
            camera.moment()
        return 1e3 * statistics.median(camera.moment() for _ in range(options.images))


@contextmanager
def stepping(robots: int, encoder: Path | None) -> Iterator[VecEnv]:
    """Connect to the robots that are served, with or without a state."""
    names = [f"/env_{i}" for i in range(robots)]
    settings = {} if encoder is None else {"srl_folder": str(encoder)}
    with Runtime(signals=False) as runtime:
        shared = SharedWaiter(runtime, names)
        make = partial(make_robot_env, transport="topics", runtime=runtime, shared=shared, **settings)
        vec_env = RobotVecEnv([limited(make(namespace=name)) for name in names], shared.fibers, names=names)
        yield vec_env
        vec_env.close()


def step_ms(vec_env: VecEnv, steps: int) -> float:
    """Return the median time of a step of all robots together, ms."""
    return 1e3 * statistics.median(step_times(vec_env, max(10, steps // vec_env.num_envs)))


def step_rows(options: Options, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Yield the second table."""
    yield "| images | robots | step without a state, ms | step with a state, ms | share of the SRL node |"
    yield "|---|---|---|---|---|"
    for size in options.sizes:
        for robots in options.robots:
            names = f"[{', '.join(f'/env_{i}' for i in range(robots))}]"
            served = {"namespaces": names, "cameras": f"[{CAMERA}]", "image_width": size, "image_height": size}
            encoder, without, with_state = folder / str(size), [], []
            with simulators([served], environment):
                for _ in range(options.rounds):
                    with stepping(robots, None) as vec_env:
                        without.append(step_ms(vec_env, options.steps))
                    told = {"srl_folder": encoder, "namespaces": names}
                    with (
                        processes.process(NODE, told, environment, until="encoding"),
                        stepping(robots, encoder) as vec_env,
                    ):
                        with_state.append(step_ms(vec_env, options.steps))
            a, b = statistics.median(without), statistics.median(with_state)
            yield f"| {size}x{size} | {robots} | {a:.2f} | {b:.2f} | {100 * (1 - a / b):.0f} % |"


def main() -> int:
    """Measure and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    torch.set_num_threads(1)
    environment = {"ROS_DOMAIN_ID": str(101 + os.getpid() % 60), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    os.environ.update(environment)
    with tempfile.TemporaryDirectory() as there:
        for size in options.sizes:
            save_encoder(Path(there) / str(size), size, options.network)
        for rows in (node_rows, step_rows):
            for line in rows(options, Path(there), environment):
                print(line, flush=True)
            print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
