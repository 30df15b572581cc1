"""Sample the imperfections of an episode: a pure function of the settings and the episode's seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np

from robot_interface_ros.robot import NOTHING
from robot_sim_ros.imperfection.config import COMMANDED, MEASURED, Imperfection

_SPAWN_KEY = 0x1A7EF  # only for the generators of this file, so that other users of the seed get other numbers
_DRAWS, _STREAM = 0, 1
_SEEN = ("image_delay", "image_drop", "camera_shift", "camera_turn", "light_turn", "light_intensity", "colour_scale")
_WHOLE = ("command_delay", "observation_delay", "image_delay")
TINTED = ("robot", "target", "world")
"""Groups of bodies with a colour scale of their own; `world` is everything except the robot and the target."""

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Drawn:
    """The imperfections of one episode, with the keys and units of Imperfection. A name not in a mapping is perfect."""

    seed: int = 0
    asked: tuple[str, ...] = ()
    """Keys that were sampled; the others have their defaults."""
    link_mass_scale: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    friction_scale: float = 1.0
    motor_strength_scale: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    position_gain_scale: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    joint_offset: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    backlash: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    command_delay: int = 0
    position_noise: float = 0.0
    velocity_noise: float = 0.0
    observation_delay: int = 0
    image_delay: int = 0
    reading_drop: float = 0.0
    image_drop: float = 0.0
    camera_shift: Mapping[str, Vector] = field(default_factory=lambda: NOTHING)
    """Camera -> shift to its right, up and back, m."""
    camera_turn: Mapping[str, Vector] = field(default_factory=lambda: NOTHING)
    """Camera -> rotation about its right, up and back axes, rad."""
    light_turn: Vector = (0.0, 0.0)
    """Rotation about the vertical, and upwards, rad."""
    light_intensity: float = 1.0
    colour_scale: Mapping[str, Vector] = field(default_factory=lambda: NOTHING)
    """One of TINTED -> scales of red, green, blue."""
    feedback: str = MEASURED

    def record(self) -> dict[str, Any]:
        """Return the sampled values by key, as JSON can hold them: dictionaries, lists, numbers and strings."""
        return {key: _plain(getattr(self, key)) for key in self.asked}

    def stream(self, key: str) -> np.random.Generator:
        """Return a new generator for values that are sampled during the episode, such as noise."""
        return _generator(self.seed, key, _STREAM)


def draw(
    imperfection: Imperfection, seed: int, links: Sequence[str], joints: Sequence[str], cameras: Sequence[str] = ()
) -> Drawn:
    """Sample the imperfections of the episode with this seed, for a robot with these links, joints and cameras.

    Every key has its own generator, so that switching one more on does not change the values of the others. Without
    cameras, nothing is sampled that only cameras would see.
    """
    owners = {
        "link_mass_scale": links,
        "motor_strength_scale": joints,
        "position_gain_scale": joints,
        "joint_offset": joints,
        "backlash": joints,
    }
    sizes = {"camera_shift": (cameras, 3), "camera_turn": (cameras, 3), "colour_scale": (TINTED, 3)}
    values: dict[str, Any] = {}
    asked = tuple(key for key in imperfection.asked if cameras or key not in _SEEN)
    for key in asked:
        if key == "feedback":
            values[key] = imperfection.feedback
            continue
        low, high = getattr(imperfection, key)
        generator = _generator(seed, key, _DRAWS)
        if key in _WHOLE:
            values[key] = int(generator.integers(low, high, endpoint=True))
        elif key in owners:
            names = owners[key]
            values[key] = dict(zip(names, generator.uniform(low, high, len(names)).tolist()))
        elif key in sizes:
            names, size = sizes[key]
            rows = generator.uniform(low, high, (len(names), size)).tolist()
            values[key] = {name: tuple(row) for name, row in zip(names, rows)}
        elif key == "light_turn":
            values[key] = tuple(generator.uniform(low, high, 2).tolist())
        else:
            values[key] = float(generator.uniform(low, high))
    return Drawn(seed=seed, asked=asked, **values)


def reports_commands(drawn: Drawn) -> bool:
    """Return whether joints report their last command instead of a measurement."""
    return drawn.feedback == COMMANDED


def _generator(seed: int, key: str, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_SPAWN_KEY, purpose, crc32(key.encode()))))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    return list(value) if isinstance(value, tuple) else value
