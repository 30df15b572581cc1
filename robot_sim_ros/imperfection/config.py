"""Settings of the imperfections: a file in `config/imperfections/` gives a range for each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_interface_ros.config import ConfigError, from_mapping, option, read_yaml, unknown_name
from robot_interface_ros.files.description import resolve, share_directory

MEASURED, COMMANDED = "measured", "commanded"
NONE = "none"
"""Used instead of a file's name: no imperfection. An empty name means the same."""

Range = tuple[float, float]
IntegerRange = tuple[int, int]


@dataclass(frozen=True)
class Imperfection:
    """Ranges, from low to high. Each episode's values are sampled uniformly from them. The defaults mean off."""

    link_mass_scale: Range = option((1.0, 1.0), "mass and inertia of each link", minimum=0.1, maximum=10.0)
    friction_scale: Range = option((1.0, 1.0), "lateral friction of the robot", minimum=0.0, maximum=10.0)
    motor_strength_scale: Range = option((1.0, 1.0), "largest effort of each joint", minimum=0.05, maximum=10.0)
    position_gain_scale: Range = option((1.0, 1.0), "position gain of each joint's servo", minimum=0.05, maximum=10.0)
    joint_offset: Range = option((0.0, 0.0), "true joint position minus its reading, rad", minimum=-1.0, maximum=1.0)
    backlash: Range = option((0.0, 0.0), "backlash of each joint, rad from end to end", minimum=0.0, maximum=1.0)
    command_delay: IntegerRange = option((0, 0), "periods until a command takes effect", minimum=0, maximum=100)
    position_noise: Range = option((0.0, 0.0), "std of position readings, rad", minimum=0.0, maximum=1.0)
    velocity_noise: Range = option((0.0, 0.0), "std of velocity readings, rad/s", minimum=0.0, maximum=10.0)
    observation_delay: IntegerRange = option(
        (0, 0), "age of readings of joints and contact, periods", minimum=0, maximum=100
    )
    image_delay: IntegerRange = option((0, 0), "age of camera images, periods", minimum=0, maximum=100)
    reading_drop: Range = option(
        (0.0, 0.0), "probability that joint readings are lost: the last ones repeat", minimum=0.0, maximum=0.99
    )
    image_drop: Range = option(
        (0.0, 0.0), "probability that an image is lost: the last one repeats", minimum=0.0, maximum=0.99
    )
    camera_shift: Range = option(
        (0.0, 0.0), "deviation of a camera's position along each of its axes, m", minimum=-1.0, maximum=1.0
    )
    camera_turn: Range = option(
        (0.0, 0.0), "deviation of a camera's orientation about each of its axes, rad", minimum=-3.2, maximum=3.2
    )
    light_turn: Range = option(
        (0.0, 0.0), "rotation of the light's direction, sideways and upwards, rad", minimum=-3.2, maximum=3.2
    )
    light_intensity: Range = option((1.0, 1.0), "scale of the light's intensity", minimum=0.05, maximum=5.0)
    colour_scale: Range = option(
        (1.0, 1.0),
        "scale of red, green and blue, for the robot, the target and the rest of the world",
        minimum=0.0,
        maximum=5.0,
    )
    feedback: str = option(
        MEASURED,
        "measured: joints report their positions; commanded: they report the last command, as servos without feedback do",
        choices=(MEASURED, COMMANDED),
    )

    def __post_init__(self) -> None:
        for key in self.asked:
            value = getattr(self, key)
            if isinstance(value, tuple) and value[0] > value[1]:
                raise ConfigError(f"{key} is {list(value)}; write the lower end first: {[value[1], value[0]]}")
        noisy = [key for key in ("position_noise", "velocity_noise") if key in self.asked]
        if self.feedback == COMMANDED and noisy:
            raise ConfigError(
                f"{noisy[0]} has no effect with feedback: {COMMANDED}, which measures nothing; leave it out"
            )

    @property
    def asked(self) -> tuple[str, ...]:
        """Keys that differ from their defaults: the imperfections that are on."""
        return tuple(field.name for field in dataclasses.fields(self) if getattr(self, field.name) != field.default)


def imperfection_names() -> list[str]:
    """Names of the files that the package ships."""
    return sorted(path.stem for path in (share_directory() / "config" / "imperfections").glob("*.yaml"))


def load_imperfection(name: str) -> Imperfection:
    """Load a shipped file by name, or any file by its .yaml path; empty or "none": no imperfection. Raises ConfigError."""
    if name in ("", NONE):
        return Imperfection()
    path = resolve(name)
    if path.suffix not in (".yaml", ".yml"):
        path = share_directory() / "config" / "imperfections" / f"{name}.yaml"
        if not path.is_file():
            known = [NONE, *imperfection_names(), "or the path of a .yaml file"]
            raise ConfigError(unknown_name("imperfection", name, known))
    return imperfection_from(read_yaml(path), path)


def imperfection_from(values: Mapping[str, Any], where: str | Path) -> Imperfection:
    """Make an Imperfection from the values of a file. One number x means the range [x, x]. Raises ConfigError."""
    ranges = {
        key: [value, value] if isinstance(value, (int, float)) and not isinstance(value, bool) else value
        for key, value in values.items()
    }
    try:
        return from_mapping(Imperfection, ranges, str(where))
    except ConfigError as error:
        text = str(error)
        raise ConfigError(text if text.startswith(str(where)) else f"{where}: {text}") from None
