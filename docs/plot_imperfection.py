"""Plot imperfection.png (joint motion) and looks.png (camera images) in docs/pictures: `python docs/plot_imperfection.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from robot_interface_ros.robot import Command, Episode
from robot_sim_ros.imperfection.imperfect_robot import ImperfectRobot
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig

FOLDER = Path(__file__).parent / "pictures"
JOINT, SEED, STEPS, PERIOD_S = "r_elbow_flex_joint", 3771, 100, 0.05
NAMES = {
    "none": "perfect",
    "mild": "mild",
    "strong": "strong",
    "stock_servos": "stock_servos: reports the commands",
}


def episode(imperfection: str) -> tuple[NDArray[np.float64], ...]:
    """Return the commanded, real and reported joint angle at each step of a wave, rad, `(STEPS,)` each."""
    robot = make_robot(SimConfig(imperfection=imperfection), start_ns=0)
    observation, joint = robot.reset(Episode(SEED)), robot.joint_names.index(JOINT)
    plant, rows = robot.plant, []
    for step in range(STEPS):
        wave = -0.55 + 0.12 * np.cos(2 * np.pi * step * PERIOD_S / 2.4)
        robot.send(Command(observation.stamp, (JOINT,), np.array([wave])))
        observation = robot.receive()
        truth = plant.truth if isinstance(plant, ImperfectRobot) else observation
        rows.append((observation.joint_target[joint], truth.position[joint], observation.position[joint]))
    robot.close()
    return tuple(np.array(rows).T)


def picture() -> Figure:
    """Plot one panel for each imperfection."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    time_s = np.arange(STEPS) * PERIOD_S
    for axes, (name, title) in zip(panels.flat, NAMES.items()):
        commanded, real, reported = episode(name)
        axes.plot(time_s, reported, ".", markersize=4, color="tab:orange", label="reported")
        axes.plot(time_s, real, color="tab:blue", linewidth=1.8, label="real")
        axes.plot(time_s, commanded, color="black", linewidth=1.0, linestyle=(0, (4, 2)), label="commanded")
        axes.set_title(title, fontsize=11, loc="left")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0, 0].legend(loc="upper right", frameon=False, fontsize=9, ncols=3)
    panels[0, 0].set_ylim(-0.7, -0.35)
    for axes in panels[1]:
        axes.set_xlabel("time, s")
    for axes in panels[:, 0]:
        axes.set_ylabel("elbow, rad")
    return figure


def looks(episodes: int = 5, size: int = 220) -> Image.Image:
    """Return camera images at the start of some episodes: one row perfect, one mild, one strong."""
    rows = []
    for name in ("none", "mild", "strong"):
        config = SimConfig(cameras=("external",), image_width=size, image_height=size, imperfection=name)
        robot = make_robot(config, start_ns=0)
        views = [robot.reset(Episode(seed, (0.45, -0.3, 1.2))).images["external"] for seed in range(episodes)]
        rows.append(np.hstack(views))
        robot.close()
    return Image.fromarray(np.vstack(rows))


if __name__ == "__main__":
    picture().savefig(FOLDER / "imperfection.png", dpi=110)
    looks().save(FOLDER / "looks.png", optimize=True)
