"""An image does not depend on the images rendered before it, although TinyRenderer alone depends on them.

PICTURES=5000 compares this number of postures in each world instead of a few.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from robot_interface_ros.cameras import Pinhole
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.cameras.camera import Renderer
from robot_sim_ros.cameras.renderers import egl_problem
from robot_sim_ros.imperfection.look import Look
from robot_sim_ros.pybullet_robot import PyBulletRobot, make_robot
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world.config import world_names

pytestmark = [pytest.mark.slow, pytest.mark.cameras, pytest.mark.equality]
PICTURES = int(os.environ.get("PICTURES", "30"))
CAMERAS = ("external", "left_eye", "right_eye")
EPISODE = 15
"""Periods of an episode: odd, as is the number of cameras, so that every camera has its turns both ways."""
RENDERERS = [
    "tiny",
    pytest.param("egl", marks=pytest.mark.skipif(egl_problem() is not None, reason=f"no EGL: {egl_problem()}")),
]

QUAD = [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, -1, 0], [1, 1, 0], [-1, 1, 0]]


def normalised(vector: np.ndarray) -> np.ndarray:
    """Normalise as TinyRenderer does, in float32."""
    return np.asarray(vector * (np.float32(1) / np.sqrt(np.sum(vector * vector, dtype=np.float32))), np.float32)


def restless_normal(generator: np.random.Generator) -> np.ndarray:
    """Return a normal, roughly along z, that alternates between two values when it is normalised again and again."""
    while True:
        normal = normalised(normalised((generator.normal(size=3) * 0.3 + (0.0, 0.0, 1.0)).astype(np.float32)))
        other = normalised(normal)
        if (other != normal).any() and (normalised(other) == normal).all():
            return normal


@pytest.mark.parametrize("seed", range(5))
def test_a_surface_whose_normal_has_no_fixed_point(seed: int) -> None:
    """In a light in which half of the pixels are one level brighter than the others, so that the last bits matter.

    With TinyRenderer alone, three of these five surfaces differ from image to image.
    """
    import pybullet
    from pybullet_utils.bullet_client import BulletClient

    client, normal = BulletClient(pybullet.DIRECT), restless_normal(np.random.default_rng(seed)).tolist()
    settings = {"vertices": QUAD, "indices": list(range(6)), "normals": [normal] * 6, "uvs": [[0, 0]] * 6}
    shape = client.createVisualShape(client.GEOM_MESH, rgbaColor=[1, 0.9, 0.8, 1], **settings)
    client.createMultiBody(baseVisualShapeIndex=shape)
    render, model = Renderer(client, "tiny"), Pinhole("", 16, 16, 20.0, (8.0, 7.0))
    view = client.computeViewMatrix([0, 0, 1], [0, 0, 0], [0, 1, 0])

    def red(light: float, turn: int = 0) -> np.ndarray:
        return render(model, view, Look(light_intensity=float(light)), turn)[0] & 255

    level, dark, bright = red(0.7).min(), 0.6, 0.9
    for _ in range(40):
        middle = (dark + bright) / 2
        dark, bright = (dark, middle) if (red(middle) > level).mean() > 0.5 else (middle, bright)
    lights = [np.float32(dark)]
    for _ in range(4):
        lights = [np.nextafter(lights[0], np.float32(0)), *lights, np.nextafter(lights[-1], np.float32(2))]
    for light in lights:
        first = [red(light, turn) for turn in (0, 1)]
        for turn in (1, 1, 0, 1, 0, 0, 0, 1):
            np.testing.assert_array_equal(red(light, turn), first[turn])
    assert level < 255 and len({red(light).tobytes() for light in lights}) > 1  # it is the light that was sought
    client.disconnect()


def inner(robot: SafeRobot) -> PyBulletRobot:
    plant: Any = robot.plant
    return plant if isinstance(plant, PyBulletRobot) else plant.plant  # type: ignore[no-any-return]


def seen(observation: Observation) -> list[bytes]:
    arrays: list[Mapping[str, Any]] = [observation.images, observation.depths]
    return [array.tobytes() for kind in arrays for array in kind.values()]


def episode(robot: SafeRobot, seed: int, periods: int = EPISODE) -> list[list[bytes]]:
    """Return images and depths of an episode in which all joints move randomly."""
    generator, observation = np.random.default_rng(seed), robot.reset(Episode(seed))
    limits, rows = inner(robot).description.limits, [seen(observation)]
    for _ in range(periods):
        target = generator.uniform(limits.lower, limits.upper)
        robot.send(Command(observation.stamp, robot.joint_names, target))
        observation = robot.receive()
        rows.append(seen(observation))
    return rows


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("world", world_names())
def test_drawn_and_drawn_again(world: str, renderer: str) -> None:
    """The same time in each camera, in every order, and in images of any size outside of the cameras' streams."""
    size = {"image_width": 128, "image_height": 96}
    robot = make_robot(SimConfig(world=world, cameras=CAMERAS, camera_depth=True, renderer=renderer, **size))
    plant, generator, observation = inner(robot), np.random.default_rng(0), robot.reset(Episode(1))
    limits = plant.description.limits
    for number in range(PICTURES):
        first = plant.render("external", 128, 96)
        for names in (CAMERAS, CAMERAS[::-1], CAMERAS[number % 3 : number % 3 + 1]):
            images, depths = plant.render_images(names)
            for name in names:
                np.testing.assert_array_equal(images[name], observation.images[name])
                np.testing.assert_array_equal(depths[name], observation.depths[name])
        plant.render("left_eye", 32, 32)
        np.testing.assert_array_equal(plant.render("external", 128, 96), first)
        target = generator.uniform(limits.lower, limits.upper)
        robot.send(Command(observation.stamp, robot.joint_names, target))
        observation = robot.receive()
    robot.close()


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("imperfection", ["", "strong"])
@pytest.mark.parametrize("world", ["reach", "tomato", "distractors"])
def test_an_episodes_pictures_do_not_tell_what_was_drawn_before(world: str, imperfection: str, renderer: str) -> None:
    """Histories with 0 to 6 more images: lost reset answers, images for people, single cameras, interrupted episodes."""
    size = {"image_width": 96, "image_height": 96}
    config = SimConfig(world=world, cameras=CAMERAS, imperfection=imperfection, renderer=renderer, **size)
    first, second = make_robot(config, start_ns=0), make_robot(config, start_ns=0)
    for number in range(max(2, PICTURES // EPISODE)):
        more = number % 7
        for _ in range(more % 3):
            second.reset(Episode(number))
        if more:
            episode(second, 1000 + number, periods=more)
        for _ in range(more // 2):
            inner(second).render("external", 80, 80)
            inner(second).render_images(CAMERAS[: 1 + more % 3])
        rows = [episode(robot, number) for robot in (first, second)]
        differing = [k for k, (a, b) in enumerate(zip(*rows)) if a != b]
        assert not differing, f"episode {number}: pictures after {differing} of {EPISODE} periods differ"
    alone = make_robot(config, start_ns=0)
    assert episode(alone, number) == rows[0]
    for robot in (first, second, alone):
        robot.close()


def test_pictures_between_the_steps_change_no_later_one() -> None:
    """Films and images for people use the same renderer as the policy's images."""
    config = SimConfig(cameras=("external",), image_width=128, image_height=128)
    plain, filmed = make_robot(config, start_ns=0), make_robot(config, start_ns=0)
    expected, observation, rows = episode(plain, 3), filmed.reset(Episode(3)), []
    generator, limits = np.random.default_rng(3), inner(filmed).description.limits
    for number in range(EPISODE + 1):
        rows.append(seen(observation))
        for _ in range(number % 3):
            inner(filmed).render("external", 64, 64)
        target = generator.uniform(limits.lower, limits.upper)
        filmed.send(Command(observation.stamp, filmed.joint_names, target))
        observation = filmed.receive()
    assert rows == expected


def test_an_episode_draws_no_picture_that_nobody_sees() -> None:
    """The repeatability costs four images of one pixel when the robot is made, and at most one at a reset."""
    robot = make_robot(SimConfig(cameras=CAMERAS), start_ns=0)
    renderer = inner(robot)._rig._moving
    episode(robot, 0)
    before = renderer._drawn
    episode(robot, 1)
    assert renderer._drawn - before - len(CAMERAS) * (EPISODE + 1) in (0, 1)
