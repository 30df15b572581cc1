"""Renders the pictures in docs/pictures with the package's own simulator: `python docs/render_pictures.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from rl_trainer_ros.make_env import make_robot_env
from rl_trainer_ros.scripted import ScriptedReach

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


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    reaching().save(FOLDER / "reaching.png", optimize=True)
    kuka().save(FOLDER / "kuka.png", optimize=True)
