"""Measure which parts of software rendering take time, and the optimisations that were tried: the table in docs/cameras.md.

Run it with `.venv/bin/python benchmarks/rendering_tried.py`. It uses the external camera; figures are medians of several
rounds in which the variants alternate. Needs no ROS or torch.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rl_trainer_ros.bringup.setting_texts import from_words
from robot_interface_ros.cameras import standing_pose
from robot_interface_ros.config import option
from robot_interface_ros.robot import Episode
from robot_interface_ros.robot_config import load_robot
from robot_sim_ros.cameras.camera import LIGHT, projection_matrix, view_matrix
from robot_sim_ros.pybullet_robot import PyBulletRobot
from robot_sim_ros.sim_config import SimConfig

CAMERA = "external"


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    rounds: int = option(7, "rounds; every figure is their median", minimum=1, maximum=1000)
    images: int = option(30, "images of each variant in a round", minimum=5, maximum=100_000)
    sizes: tuple[int, ...] = option((64, 224), "widths of square images, pixels")


def robot_with(size: int, cameras: tuple[str, ...] = (CAMERA,), urdf: Callable[[str], str] = lambda text: text) -> Any:
    """Return a simulated robot at rest; without cameras all of it is in one world."""
    description = load_robot("inmoov")
    description = dataclasses.replace(description, urdf=urdf(description.urdf))
    robot = PyBulletRobot(description, SimConfig(cameras=cameras, image_width=size, image_height=size), start_ns=0)
    robot.reset(Episode(0, (0.42, -0.25, 1.3)))
    return robot


def one_picture(robot: Any, size: int, away: bool = False, **settings: Any) -> Callable[[], Any]:
    """Return a function that renders the robot's whole world by getCameraImage."""
    client = robot._client
    camera = robot.description.cameras[CAMERA]
    model = robot_with(size).cameras[CAMERA]
    if away:
        eye = np.array(camera.eye)
        camera = dataclasses.replace(camera, look_at=tuple((2.0 * eye - np.array(camera.look_at)).tolist()))
    view, projection = view_matrix(standing_pose(camera)), projection_matrix(model, half_pixel=False)
    flags = settings.pop("flags", client.ER_NO_SEGMENTATION_MASK)
    settings = {"shadow": 0, "lightDirection": LIGHT, "renderer": client.ER_TINY_RENDERER, "flags": flags, **settings}
    return lambda: client.getCameraImage(size, size, view, projection, **settings)


def sliced(draw: Callable[[], Any], size: int) -> Callable[[], Any]:
    """Return a function that also removes alpha by a slice, as in the first version."""
    return lambda: np.ascontiguousarray(np.reshape(draw()[2], (size, size, 4))[:, :, :3])


def with_prisms(text: str, folder: Path, sides: int = 12) -> str:
    """Return the robot with prisms instead of PyBullet's cylinders, which have about 86 triangles each."""
    robot = ElementTree.fromstring(text)
    for number, visual in enumerate(robot.iter("visual")):
        geometry = visual.find("geometry")
        cylinder = geometry.find("cylinder") if geometry is not None else None
        if geometry is not None and cylinder is not None:
            path = folder / f"{number}.obj"
            path.write_text(_prism(sides, float(cylinder.get("radius", "")), float(cylinder.get("length", ""))))
            geometry.remove(cylinder)
            ElementTree.SubElement(geometry, "mesh", filename=f"file://{path}")
    return ElementTree.tostring(robot, encoding="unicode")


def _prism(n: int, radius: float, length: float) -> str:
    turns = [(math.cos(2.0 * math.pi * k / n), math.sin(2.0 * math.pi * k / n)) for k in range(n)]
    lines = [f"v {radius * x} {radius * y} {z}" for z in (-length / 2.0, length / 2.0) for x, y in turns]
    lines += [f"vn {x} {y} 0" for x, y in turns] + ["vn 0 0 -1", "vn 0 0 1"]
    for k in range(1, n + 1):
        j = k % n + 1
        lines += [f"f {k}//{k} {j}//{j} {n + j}//{j}", f"f {k}//{k} {n + j}//{j} {n + k}//{k}"]
    for k in range(2, n):
        lines += [
            f"f 1//{n + 1} {k + 1}//{n + 1} {k}//{n + 1}",
            f"f {n + 1}//{n + 2} {n + k}//{n + 2} {n + k + 1}//{n + 2}",
        ]
    return "\n".join(lines) + "\n"


def ways(size: int, folder: Path) -> dict[str, Callable[[], Any]]:
    """Return the compared variants, by their names in the table."""
    import pybullet

    whole, parted = robot_with(size, cameras=()), robot_with(size)
    prisms = robot_with(size, cameras=(), urdf=lambda text: with_prisms(text, folder))
    parted_prisms = robot_with(size, urdf=lambda text: with_prisms(text, folder))
    bare = robot_with(size, cameras=())
    for body in range(bare._client.getNumBodies() - 1, -1, -1):
        bare._client.removeBody(bare._client.getBodyUniqueId(body))
    position = whole.description.rest
    periods, others = itertools.count(1), itertools.count(1)
    assert pybullet.isNumpyEnabled()
    return {
        "**before**: everything in one picture, rgb as a slice of rgba": sliced(one_picture(whole, size), size),
        "the same without taking rgb out": one_picture(whole, size),
        "... with a segmentation mask": one_picture(whole, size, flags=0),
        "... with shadows": one_picture(whole, size, shadow=1),
        "... looking the other way: what nobody sees is transformed all the same": one_picture(whole, size, away=True),
        "... in an empty world: clearing and copying": one_picture(bare, size),
        "... cylinders as prisms of 12 sides": one_picture(prisms, size),
        "**now**: what stands still drawn once, rgb plane by plane": lambda: parted._rig.see(
            (CAMERA,), position, next(periods)
        ),
        "... cylinders as prisms of 12 sides too": lambda: parted_prisms._rig.see((CAMERA,), position, next(others)),
    }


def main() -> int:
    """Measure and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    figures: dict[str, dict[int, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            spent: dict[str, list[float]] = {}
            draws = ways(size, Path(folder))
            for _ in range(options.rounds):
                for name, draw in draws.items():
                    for _ in range(options.images):
                        start = time.perf_counter()
                        draw()
                        spent.setdefault(name, []).append(time.perf_counter() - start)
            for name, seconds in spent.items():
                figures.setdefault(name, {})[size] = 1e3 * statistics.median(seconds)
    print(f"| external camera, ms an image | {' | '.join(f'{size}x{size}' for size in options.sizes)} |")
    print(f"|---|{'---|' * len(options.sizes)}")
    for name, by_size in figures.items():
        print(f"| {name} | {' | '.join(f'{ms:.2f}' for ms in by_size.values())} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
