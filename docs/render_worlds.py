"""Renders the pictures of docs/worlds.md with the package's own simulator: `python docs/render_worlds.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rl_trainer_ros.arm import Arm, Moment
from rl_trainer_ros.scripted_press import ScriptedPress
from robot_interface_ros.robot import Command, Episode
from robot_sim_ros.pybullet_robot import PyBulletRobot
from robot_sim_ros.sim_config import SimConfig

FOLDER = Path(__file__).parent / "pictures"
SIZE, SUPERSAMPLING, SMALL = 300, 3, 64
PERIOD_S = 0.05
# World -> control periods until the picture is taken, and the posture in which the episode begins.
MOMENTS = {
    "reach": (40, ""),
    "tomato": (80, ""),
    "button": (62, ""),
    "two_buttons": (58, ""),
    "moving_button": (64, ""),
    "distractors": (60, ""),
    "chasing": (30, "arena"),
    "escape": (5, "arena"),
}


def scene(world: str) -> PyBulletRobot:
    """A robot in the middle of an episode, its hand on the way to the target."""
    steps, posture = MOMENTS[world]
    config = SimConfig(world=world, posture=posture, cameras=("external",))
    description = config.load_robot()
    robot, arm = PyBulletRobot(description, config), Arm(description)
    policy, observation = ScriptedPress(arm, PERIOD_S), robot.reset(Episode(seed=1))
    for _ in range(steps):
        target = observation.position.copy()
        action = policy.act(Moment(observation, arm.hand(observation.position)))
        target[arm.indices] += action * arm.velocity * PERIOD_S
        robot.send(Command(observation.stamp, description.joint_names, target))
        observation = robot.receive()
    return robot


def labelled(picture: Image.Image, text: str) -> Image.Image:
    """The picture with its name in the upper left corner."""
    ImageDraw.Draw(picture).text((8, 6), text, fill=(40, 40, 40), font=ImageFont.load_default(size=16))
    return picture


def mosaic(pictures: list[Image.Image], columns: int) -> Image.Image:
    """Pictures of one size in rows."""
    rows = [pictures[k : k + columns] for k in range(0, len(pictures), columns)]
    return Image.fromarray(np.vstack([np.hstack([np.asarray(picture) for picture in row]) for row in rows]))


def main() -> None:
    """Render all worlds large, and as a policy sees them: 64 x 64 pixels, each drawn as 4 x 4."""
    FOLDER.mkdir(exist_ok=True)
    large, small = [], []
    for world in MOMENTS:
        robot = scene(world)
        pixels = robot.render("external", SIZE * SUPERSAMPLING, SIZE * SUPERSAMPLING)
        large.append(labelled(Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.LANCZOS), world))
        seen = Image.fromarray(robot.render("external", SMALL, SMALL))
        small.append(seen.resize((4 * SMALL, 4 * SMALL), Image.Resampling.NEAREST))
        robot.close()
    mosaic(large, 4).save(FOLDER / "worlds.png", optimize=True)
    mosaic(small[:1] + small[2:4] + small[5:6], 4).save(FOLDER / "worlds_64.png", optimize=True)


if __name__ == "__main__":
    main()
