"""Measure the time of a camera image by resolution, renderer and camera, and its share of a step. Needs no ROS or torch.

Run it with `.venv/bin/python benchmarks/rendering.py`, or `... rounds:=9 sizes:=[64,224]`. Every figure is the median of
several rounds in which the combinations alternate. It prints Markdown tables, as in docs/cameras.md, and, if the EGL plugin
works, the difference between its images and TinyRenderer's.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rl_trainer_ros.bringup.setting_texts import from_words
from robot_interface_ros.config import option
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.cameras.renderers import egl_card, egl_problem
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    robot: str = option("inmoov", "robot to render, or the path of a robot's .yaml file")
    rounds: int = option(5, "rounds; every figure is their median", minimum=1, maximum=1000)
    images: int = option(60, "images of each combination in a round", minimum=5, maximum=100_000)
    sizes: tuple[int, ...] = option((64, 128, 224, 448), "widths of square images, pixels")
    cameras: tuple[str, ...] = option(("external", "left_eye", "right_eye"), "cameras")
    groups: tuple[str, ...] = option(
        (), "groups of joints that move; empty: those of the robot file. With head, the eyes move"
    )


Combination = tuple[int, str, str]


class Moving:
    """A robot with a swinging arm, to step and to render."""

    def __init__(self, options: Options, **settings: Any):
        # In real time a step renders nothing, so each image is rendered once, on demand.
        config = SimConfig(robot=options.robot, groups=options.groups, **{"realtime": True, **settings})
        self.robot: SafeRobot = make_robot(config, start_ns=0)
        self.observation: Observation = self.robot.reset(Episode(0))
        self._steps = 0

    def step(self) -> None:
        """Simulate one period."""
        phase = np.sin(0.05 * self._steps + np.arange(len(self.robot.joint_names)))
        self._steps += 1
        target = self.robot.rest - 0.6 + 0.5 * phase
        self.robot.send(Command(self.observation.stamp, self.robot.joint_names, target))
        self.observation = self.robot.receive()


def image_ms(moving: Moving, camera: str, images: int) -> float:
    """Return the median time of one image, ms, with a step between two images."""
    plant: Any = moving.robot.plant
    spent = []
    for _ in range(images):
        moving.step()
        start = time.perf_counter()
        plant.render_images([camera])
        spent.append(time.perf_counter() - start)
    return 1e3 * statistics.median(spent)


def step_ms(moving: Moving, steps: int) -> float:
    """Return the median time of a step including its images, ms."""
    spent = []
    for _ in range(steps):
        start = time.perf_counter()
        moving.step()
        spent.append(time.perf_counter() - start)
    return 1e3 * statistics.median(spent)


def measure(options: Options, renderers: tuple[str, ...]) -> tuple[float, dict[Combination, float]]:
    """Return the time of a step without cameras, ms, and of an image by size, renderer and camera."""
    plain = Moving(options)
    setups = {
        (size, renderer, camera): Moving(
            options, cameras=(camera,), image_width=size, image_height=size, renderer=renderer
        )
        for size in options.sizes
        for renderer in renderers
        for camera in options.cameras
    }
    steps: list[float] = []
    images: dict[Combination, list[float]] = {combination: [] for combination in setups}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        steps.append(step_ms(plain, 10 * options.images))
        for combination, moving in setups.items():
            images[combination].append(image_ms(moving, combination[2], options.images))
    for moving in (plain, *setups.values()):
        moving.robot.close()
    return statistics.median(steps), {combination: statistics.median(ms) for combination, ms in images.items()}


def differences(options: Options) -> dict[str, tuple[float, float]]:
    """Return the difference of EGL's and TinyRenderer's images by camera: mean absolute value of 0-255, share of pixels > 32.

    All cameras of one robot render together, which also tests that they can share a graphics context.
    """
    size = options.sizes[min(1, len(options.sizes) - 1)]
    pictures = []
    for renderer in ("tiny", "egl"):
        seen = {"cameras": options.cameras, "image_width": size, "image_height": size, "realtime": False}
        moving, other = (Moving(options, renderer=renderer, **seen) for _ in range(2))
        for _ in range(30):
            moving.step()
        pictures.append({name: image.astype(int) for name, image in moving.observation.images.items()})
        moving.robot.close()
        other.robot.close()
    found = {}
    for camera in options.cameras:
        apart = np.abs(pictures[0][camera] - pictures[1][camera])
        found[camera] = (float(apart.mean()), float((apart.max(axis=2) > 32).mean()))
    return found


def report(step: float, images: dict[Combination, float]) -> str:
    """Return the table."""
    lines = [
        f"A step without cameras takes {step:.3f} ms.",
        "",
        "| image | renderer | camera | ms an image | images/s | share of a step with it |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {size}x{size} | {renderer} | {camera} | {ms:.3f} | {1e3 / ms:.0f} | {100 * ms / (step + ms):.0f} % |"
        for (size, renderer, camera), ms in images.items()
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    problem = egl_problem()
    print(f"EGL: {problem or 'works, on ' + egl_card()}\n", flush=True)
    print(report(*measure(options, ("tiny",) if problem else ("tiny", "egl"))), flush=True)
    if problem is None:
        print("\n| camera | mean absolute difference EGL - Tiny, of 255 | pixels more than 32 apart |\n|---|---|---|")
        for camera, (mean, share) in differences(options).items():
            print(f"| {camera} | {mean:.2f} | {100 * share:.2f} % |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
