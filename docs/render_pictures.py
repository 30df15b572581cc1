"""Renders the pictures in docs/pictures with the package's own simulator: `python docs/render_pictures.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rl_trainer_ros.make_env import make_robot_env
from rl_trainer_ros.scripted import ScriptedReach
from robot_interface_ros.robot import Command, Episode
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig

FOLDER = Path(__file__).parent / "pictures"
WIDTH, HEIGHT, SUPERSAMPLING = 320, 360, 3


def frame(environment: object) -> Image.Image:
    """One picture of the world, smoothed by rendering it larger."""
    robot = environment.robot._robot  # type: ignore[attr-defined]  # the simulated robot inside its limits
    pixels = robot.render("external", WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING)
    return Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def reaching() -> Image.Image:
    """Four moments of one episode, side by side."""
    environment = make_robot_env(end_at_success=False)
    environment.reset(seed=3, options={"target": (0.5, -0.28, 1.5)})
    policy, frames = ScriptedReach(environment.arm, 0.05), []
    for step in range(91):
        if step % 30 == 0:
            frames.append(frame(environment))
        environment.step(policy.act(environment.moment))
    return Image.fromarray(np.concatenate([np.asarray(picture) for picture in frames], axis=1))


def kuka() -> Image.Image:
    """Four moments of the iiwa's way to a target, seen from its front left."""
    environment = make_robot_env(robot="kuka_iiwa", end_at_success=False)
    environment.reset(seed=0, options={"target": (0.35, -0.45, 0.75)})
    policy, pictures = ScriptedReach(environment.arm, 0.05), []
    client = environment.robot._robot._client  # type: ignore[attr-defined]
    width, height = WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING
    view = client.computeViewMatrix((1.9, -1.5, 1.15), (0.2, -0.1, 0.48), (0.0, 0.0, 1.0))
    projection = client.computeProjectionMatrixFOV(25.0, width / height, 0.05, 10.0)
    for step in range(16):
        if step % 5 == 0:
            rgba = client.getCameraImage(width, height, view, projection, lightDirection=(1.5, -1.0, 2.0))[2]
            pixels = np.asarray(rgba, dtype=np.uint8).reshape(height, width, 4)[:, :, :3]
            small = (width // SUPERSAMPLING, height // SUPERSAMPLING)
            pictures.append(Image.fromarray(pixels).resize(small, Image.Resampling.LANCZOS))
        environment.step(policy.act(environment.moment))
    return Image.fromarray(np.concatenate([np.asarray(picture) for picture in pictures], axis=1))


def cameras() -> Image.Image:
    """What each camera of InMoov sees at one moment, large, and below as a policy gets it: 64x64 pixels."""
    names, edge, gap = ("external", "left_eye", "right_eye"), 320, 8
    robot: Any = make_robot(SimConfig(cameras=names, world="two_buttons"))
    observation = robot.reset(Episode(0))
    # Round the table, then over it.
    for posture in ([-1.0, 0.5, 0.0, -1.39, -1.57], [-1.0, -0.8, 0.0, -1.39, -1.57], [-0.25, -0.55, 0.1, -1.25, -2.2]):
        for _ in range(80):
            robot.send(Command(observation.stamp, robot.joint_names, np.array(posture)))
            observation = robot.receive()
    picture = Image.new("RGB", (3 * edge + 2 * gap, 2 * edge + gap), (200, 204, 210))
    for column, name in enumerate(names):
        large = Image.fromarray(robot.plant.render(name, edge * SUPERSAMPLING, edge * SUPERSAMPLING))
        picture.paste(large.resize((edge, edge), Image.Resampling.LANCZOS), (column * (edge + gap), 0))
        small = Image.fromarray(observation.images[name]).resize((edge, edge), Image.Resampling.NEAREST)
        picture.paste(small, (column * (edge + gap), edge + gap))
    return picture


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    reaching().save(FOLDER / "reaching.png", optimize=True)
    cameras().save(FOLDER / "cameras.png", optimize=True)
    kuka().save(FOLDER / "kuka.png", optimize=True)
