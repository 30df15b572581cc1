"""Render the pictures in docs/pictures with the package's own simulator: `python docs/render_pictures.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from drawing import SUPERSAMPLING, Place, labelled, mosaic, view
from PIL import Image

from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.environments.make_env import make_robot_env
from robot_interface_ros.robot import Command, Episode
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig

FOLDER = Path(__file__).parent / "pictures"
WIDTH, HEIGHT = 320, 360


def moments(robot: str, target: Place, steps: tuple[int, ...], look: dict[str, Any], seed: int = 0) -> Image.Image:
    """Return pictures of one episode of reach with the scripted policy, in a row, each with its time and distance."""
    environment = make_robot_env(robot=robot, end_at_success=False)
    environment.reset(seed=seed, options={"target": target})
    policy, pictures = ScriptedReach(environment.arm, 0.05), []
    for step in range(steps[-1] + 1):
        if step in steps:
            away_cm = 100.0 * environment.step_state.distance
            picture = view(environment.robot._robot, **look, width=WIDTH, height=HEIGHT)
            pictures.append(labelled(picture, f"{step * 0.05:.1f} s: {away_cm:.0f} cm away"))
        environment.step(policy.act(environment.step_state))
    return mosaic(pictures, len(pictures))


def reaching() -> Image.Image:
    """Return pictures of InMoov's hand on its way to a target."""
    look = {"eye": (1.9, -1.7, 1.75), "look_at": (0.18, -0.12, 1.32), "fov_deg": 32.0}
    return moments("inmoov", (0.5, -0.28, 1.5), (0, 16, 30, 50), look, seed=3)


def kuka() -> Image.Image:
    """Return pictures of the iiwa on its way to a target, seen from the front left."""
    look = {"eye": (1.9, -1.5, 1.15), "look_at": (0.2, -0.1, 0.48), "fov_deg": 25.0}
    return moments("kuka_iiwa", (0.35, -0.45, 0.75), (0, 4, 8, 15), look)


def cameras() -> Image.Image:
    """Return the images of InMoov's cameras at the same time, large, and below in the policy's resolution, 64x64 pixels."""
    names, edge, gap = ("external", "left_eye", "right_eye"), 320, 8
    robot: Any = make_robot(SimConfig(cameras=names, world="two_buttons"))
    observation = robot.reset(Episode(0))
    # Around the table, then above it.
    for posture in ([-1.0, 0.5, 0.0, -1.39, -1.57], [-1.0, -0.8, 0.0, -1.39, -1.57], [-0.25, -0.55, 0.1, -1.25, -2.2]):
        for _ in range(80):
            robot.send(Command(observation.stamp, robot.joint_names, np.array(posture)))
            observation = robot.receive()
    picture = Image.new("RGB", (3 * edge + 2 * gap, 2 * edge + gap), (200, 204, 210))
    for column, name in enumerate(names):
        large = Image.fromarray(robot.plant.render(name, edge * SUPERSAMPLING, edge * SUPERSAMPLING))
        large = labelled(large.resize((edge, edge), Image.Resampling.LANCZOS), f"{name}, {edge} x {edge} pixels")
        picture.paste(large, (column * (edge + gap), 0))
        small = Image.fromarray(observation.images[name]).resize((edge, edge), Image.Resampling.NEAREST)
        picture.paste(labelled(small, f"{name}, 64 x 64 pixels"), (column * (edge + gap), edge + gap))
    return picture


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    reaching().save(FOLDER / "reaching.png", optimize=True)
    cameras().save(FOLDER / "cameras.png", optimize=True)
    kuka().save(FOLDER / "kuka.png", optimize=True)
