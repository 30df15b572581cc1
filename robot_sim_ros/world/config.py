"""Worlds, described by YAML files in `config/worlds/`: objects, position and motion of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from robot_interface_ros.config import ConfigError, from_mapping, option, read_yaml, unknown_name
from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.files.paths import expanded
from robot_interface_ros.robot_config import Vector
from robot_sim_ros.world.kinds import (
    MOTIONS,
    OBJECTS,
    ArenaFrame,
    Button,
    Distractors,
    Marker,
    Motion,
    Object,
    Pursue,
    Still,
    Table,
    TomatoPlant,
)

ANCHORS = ("rest", "table", "arena", "root")
_CARRIERS = (Marker, TomatoPlant, Button)


@dataclass(frozen=True)
class Target:
    """Position of the target if an episode gives none, and its motion."""

    anchor: str = option(
        "rest",
        "rest: in front of the hand at rest; table, arena: the middle of the robot's; root: the origin of the root frame",
        choices=ANCHORS,
    )
    offset: Vector = option((0.0, 0.0, 0.0), "from the anchor, m")
    spread: Vector = option(
        (0.0, 0.0, 0.0), "half the edges of the box around the anchor from which the target is sampled, m"
    )
    motion: Motion = Still()


@dataclass(frozen=True)
class WorldConfig:
    """One file in `config/worlds/`."""

    name: str
    objects: tuple[Object, ...]
    target: Target

    def __post_init__(self) -> None:
        kinds = [type(entry) for entry in self.objects]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ConfigError(f"world {self.name}: {_name_of(kind)} is listed twice; for several buttons set count")
        carriers = [kind for kind in kinds if kind in _CARRIERS]
        if len(carriers) != 1:
            known = ", ".join(_name_of(kind) for kind in _CARRIERS)
            raise ConfigError(
                f"world {self.name}: {len(carriers)} objects carry the target; give exactly one of {known}"
            )
        if Distractors in kinds and Table not in kinds:
            raise ConfigError(f"world {self.name}: distractors need a table to lie on; list one before them")

    def find(self, kind: type) -> Any:
        """Return the object of a kind, or None."""
        return next((entry for entry in self.objects if type(entry) is kind), None)

    @property
    def solid(self) -> bool:
        """Whether the robot can touch anything in this world."""
        return any(isinstance(entry, (Table, Button, Distractors)) for entry in self.objects)

    @property
    def needs(self) -> tuple[str, ...]:
        """Settings of a robot file that this world needs: `table`, `arena`, both or none."""
        motion = self.target.motion
        table = self.find(Table) or self.target.anchor == "table"
        arena = self.find(ArenaFrame) or self.target.anchor == "arena" or getattr(motion, "unit", "") == "arena"
        return tuple(
            name for name, needed in (("table", table), ("arena", arena or isinstance(motion, Pursue))) if needed
        )


def world_names() -> list[str]:
    """Names of the worlds that the package ships."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


@cache
def load_world(world: str = "reach") -> WorldConfig:
    """Load a shipped world by name, or any world by the path of its YAML file. Raises ConfigError with the cause."""
    path = expanded(world) if world.endswith((".yaml", ".yml")) else _folder() / f"{world}.yaml"
    if not world.endswith((".yaml", ".yml")) and not path.is_file():
        raise ConfigError(unknown_name("world", world, [*world_names(), "or the path of a world's .yaml file"]))
    return world_from_mapping(read_yaml(path), path.stem, str(path))


def world_from_mapping(values: Mapping[str, Any], name: str, where: str) -> WorldConfig:
    """Make a world from the values of its YAML file; `where`: name of the file for errors. Raises ConfigError."""
    for key in values:
        if key not in ("objects", "target"):
            raise ConfigError(f"{where}: {unknown_name('setting', key, ('objects', 'target'))}")
    entries = values.get("objects", ())
    if not isinstance(entries, (list, tuple)):
        raise ConfigError(f"{where}: objects is {shown(entries)}; expected a list")
    objects = tuple(_of_kind(OBJECTS, entry, f"{where}: objects[{i}]") for i, entry in enumerate(entries))
    target = values.get("target", {})
    if not isinstance(target, Mapping):
        raise ConfigError(f"{where}: target is {shown(target)}; expected a mapping of settings")
    motion = _of_kind(MOTIONS, target.get("motion", {"kind": "still"}), f"{where}: target: motion")
    plain = from_mapping(Target, {key: value for key, value in target.items() if key != "motion"}, f"{where}: target")
    return WorldConfig(name, objects, replace(plain, motion=motion))


def _of_kind(kinds: Mapping[str, type], entry: Any, where: str) -> Any:
    """Make an object or a motion from its `kind` and its other settings."""
    if not isinstance(entry, Mapping) or "kind" not in entry:
        raise ConfigError(f"{where} is {shown(entry)}; expected a mapping with a kind: {', '.join(kinds)}")
    if not isinstance(entry["kind"], str) or entry["kind"] not in kinds:
        raise ConfigError(f"{where}: {unknown_name('kind', entry['kind'], kinds)}")
    settings = {name: value for name, value in entry.items() if name != "kind"}
    try:
        return from_mapping(kinds[entry["kind"]], settings, where)
    except ConfigError as error:
        raise ConfigError(str(error) if str(error).startswith(where) else f"{where}: {error}") from None


def _name_of(kind: type) -> str:
    return next(name for name, entry in OBJECTS.items() if entry is kind)


def _folder() -> Path:
    return share_directory() / "config" / "worlds"
