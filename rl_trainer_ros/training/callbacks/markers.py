"""What RViz is to draw of a training robot. Pure: numpy in, plain descriptions out; `ros/marker_publisher.py` sends them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.robot import Array

Colour = tuple[float, float, float, float]

TARGET: Colour = (0.9, 0.1, 0.1, 1.0)
RADIUS: Colour = (0.9, 0.1, 0.1, 0.2)
REACHED: Colour = (0.1, 0.8, 0.2, 1.0)
WORKSPACE: Colour = (0.4, 0.6, 0.9, 0.5)
TEXT: Colour = (1.0, 1.0, 1.0, 1.0)
# Ends and middle of the scale of rewards: ColorBrewer's RdYlGn (Harrower and Brewer, 2003).
LOSS, NEUTRAL, GAIN = (0.84, 0.19, 0.15), (1.0, 1.0, 0.75), (0.10, 0.60, 0.31)


@dataclass(frozen=True)
class Marker:
    """One thing to draw, in the robot's root frame; `kind` is sphere, line_strip, points or text."""

    kind: str
    name: str
    points: Array
    """`(n, 3)` m: the vertices; of a sphere or text its one place."""
    size: float
    """m: diameter of a sphere, width of a line or point, height of a capital letter."""
    colour: Colour
    colours: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))
    """`(n, 4)` a colour for each vertex, or none."""
    text: str = ""


@dataclass(frozen=True)
class Scene:
    """What is known of one robot's episode at one moment."""

    target: Array
    """`(3,)` m."""
    success_radius_m: float | None
    """None where success is not a matter of distance."""
    trail: Array
    """`(n, 3)` m: where the end effector was at each step of the episode."""
    rewards: Array
    """`(n,)` what each step brought."""
    episode: int
    """Counts from 1."""
    succeeded: bool | None
    """How the episode before this one ended; None in the first."""


def episode_markers(scene: Scene) -> list[Marker]:
    """Target, the distance that counts as success, the way of the end effector coloured by reward, and a few words."""
    at = scene.target.reshape(1, 3)
    radius = scene.success_radius_m
    markers = [Marker("sphere", "target", at, 0.02, TARGET)]
    if radius is not None:
        markers.append(Marker("sphere", "success_radius", at, 2.0 * radius, RADIUS))
    if len(scene.trail) > 1:  # a line has two ends
        markers.append(Marker("line_strip", "trail", scene.trail, 0.006, TEXT, reward_colours(scene.rewards)))
    above = at + np.array([0.0, 0.0, 0.08 + (radius or 0.0)])
    colour = REACHED if scene.succeeded else TEXT
    markers.append(Marker("text", "episode", above, 0.035, colour, text=episode_text(scene)))
    return markers


def workspace_marker(points: Array) -> Marker:
    """Places `(n, 3)` m that the end effector can reach."""
    return Marker("points", "workspace", points, 0.008, WORKSPACE)


def reward_colours(rewards: Array) -> NDArray[np.float64]:
    """`(n, 4)` from red (loss) over pale yellow (nothing) to green (gain), by the largest of all rewards but the last.

    The last step's reward may hold a bonus beside which all others would look alike.
    """
    if not len(rewards):
        return np.empty((0, 4))
    largest = float(np.abs(rewards[:-1]).max(initial=0.0)) or 1.0
    share = np.clip(np.nan_to_num(rewards) / largest, -1.0, 1.0)[:, None]
    rgb = np.where(
        share < 0.0,
        np.array(NEUTRAL) - share * (np.array(LOSS) - np.array(NEUTRAL)),
        np.array(NEUTRAL) + share * (np.array(GAIN) - np.array(NEUTRAL)),
    )
    return np.hstack([rgb, np.ones((len(rewards), 1))])


def episode_text(scene: Scene) -> str:
    """Two lines: which episode and step, and what it has brought."""
    last = {None: "", True: ", the last one succeeded", False: ", the last one failed"}[scene.succeeded]
    steps, total = len(scene.rewards), float(np.sum(scene.rewards))
    return f"episode {scene.episode}, step {steps}\nreturn {total:.2f}{last}"
