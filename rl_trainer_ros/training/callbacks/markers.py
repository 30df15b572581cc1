"""Markers of a training robot for RViz, as plain descriptions. Pure functions; `ros/marker_publisher.py` publishes them."""

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
# Ends and middle of the colour scale of rewards: ColorBrewer's RdYlGn (Harrower and Brewer, 2003).
LOSS, NEUTRAL, GAIN = (0.84, 0.19, 0.15), (1.0, 1.0, 0.75), (0.10, 0.60, 0.31)


@dataclass(frozen=True)
class Marker:
    """One marker in the robot's root frame; `kind`: sphere, line_strip, points or text."""

    kind: str
    name: str
    points: Array
    """Vertices, `(n, 3)` m; one position for a sphere or a text."""
    size: float
    """Diameter of a sphere, width of a line or point, height of a capital letter, m."""
    colour: Colour
    colours: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))
    """A colour for each vertex, `(n, 4)`, or empty."""
    text: str = ""


@dataclass(frozen=True)
class Scene:
    """The current state of one robot's episode, for display."""

    target: Array
    """`(3,)` m."""
    success_radius_m: float | None
    """None if success does not depend on distance."""
    trail: Array
    """Positions of the end effector at each step of the episode, `(n, 3)` m."""
    rewards: Array
    """Rewards of the steps, `(n,)`."""
    episode: int
    """Counts from 1."""
    succeeded: bool | None
    """Whether the previous episode succeeded; None in the first one."""


def episode_markers(scene: Scene) -> list[Marker]:
    """Return markers for the target, its success radius, the end effector's path coloured by reward, and a text."""
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
    """Return a marker for positions that the end effector can reach, `(n, 3)` m."""
    return Marker("points", "workspace", points, 0.008, WORKSPACE)


def reward_colours(rewards: Array) -> NDArray[np.float64]:
    """Return colours `(n, 4)` from red (loss) over pale yellow (0) to green (gain), scaled by the largest reward but the last.

    The last reward is left out of the scale, because a bonus would make all others look the same.
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
    """Return two lines: number of the episode and step, and the return so far."""
    last = {None: "", True: ", the last one succeeded", False: ", the last one failed"}[scene.succeeded]
    steps, total = len(scene.rewards), float(np.sum(scene.rewards))
    return f"episode {scene.episode}, step {steps}\nreturn {total:.2f}{last}"
