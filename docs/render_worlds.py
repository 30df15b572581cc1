"""Render the pictures of docs/worlds.md with the package's own simulator: `python docs/render_worlds.py`."""

from __future__ import annotations

import sys
from pathlib import Path

from drawing import labelled, mosaic, view
from PIL import Image

from rl_trainer_ros.arm.arm import Arm, StepState
from robot_interface_ros.robot import Command, Episode
from robot_sim_ros.pybullet_robot import PyBulletRobot
from robot_sim_ros.sim_config import SimConfig

sys.path.append(str(Path(__file__).resolve().parents[1] / "test" / "helpers"))
from scripted_press import ScriptedPress

FOLDER = Path(__file__).parent / "pictures"
SIZE, SMALL = 300, 64
PERIOD_S = 0.05
LOOK = {
    "eye": (1.75, -1.75, 1.8),
    "look_at": (0.15, -0.18, 1.28),
    "fov_deg": 36.0,
}  # from the side of the camera external, further away
# World -> control periods until the picture, and the posture at the start of the episode.
MOMENTS = {
    "reach": (40, ""),
    "tomato": (80, ""),
    "button": (62, ""),
    "two_buttons": (58, ""),
    "two_buttons_distractors": (58, ""),
    "moving_button": (64, ""),
    "distractors": (60, ""),
    "chasing": (30, "arena"),
    "escape": (5, "arena"),
}

SEEN_SMALL = ("reach", "button", "two_buttons", "distractors", "two_buttons_distractors")


def scene(world: str, *cameras: str) -> PyBulletRobot:
    """Return a robot in the middle of an episode, with its hand on the way to the target."""
    steps, posture = MOMENTS[world]
    config = SimConfig(world=world, posture=posture, cameras=cameras)
    description = config.load_robot()
    robot, arm = PyBulletRobot(description, config), Arm(description)
    policy, observation = ScriptedPress(arm, PERIOD_S), robot.reset(Episode(seed=1))
    for _ in range(steps):
        target = observation.position.copy()
        action = policy.act(StepState(observation, arm.hand(observation.position)))
        target[arm.indices] += action * arm.velocity * PERIOD_S
        robot.send(Command(observation.stamp, description.joint_names, target))
        observation = robot.receive()
    return robot


def main() -> None:
    """Render all worlds large, and some as a policy sees them: 64 x 64 pixels, each enlarged to 4 x 4."""
    FOLDER.mkdir(exist_ok=True)
    large, small = [], {}
    for world in MOMENTS:
        robot = scene(world)
        large.append(labelled(view(robot, **LOOK, width=SIZE, height=SIZE), world))
        robot.close()
        robot = scene(world, "external")
        seen = Image.fromarray(robot.render("external", SMALL, SMALL))
        small[world] = labelled(seen.resize((4 * SMALL, 4 * SMALL), Image.Resampling.NEAREST), world)
        robot.close()
    mosaic(large, 3).save(FOLDER / "worlds.png", optimize=True)
    mosaic([small[world] for world in SEEN_SMALL], 5).save(FOLDER / "worlds_64.png", optimize=True)


if __name__ == "__main__":
    main()
