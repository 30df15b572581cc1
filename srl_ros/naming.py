"""Which folder an encoder lies in: by the name of its method, by its path, by a table of encoders, or the latest.

A table is a YAML file: robot -> task -> name -> folder, such as `config/srl_models.yaml`. This module loads no torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, read_yaml, unknown_name
from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.files.description import resolve, share_directory
from robot_interface_ros.files.paths import expanded
from robot_interface_ros.files.untrusted_files import FileError, NoFileError, read_json
from srl_ros.methods import METHODS, encoded

LATEST, ANY = "latest", "any"
FILE = "encoder.json"
_PLACE = "{srl_model}"
_MOST_FOLDERS = 10_000


class Place(NamedTuple):
    """An encoder: the method that made it, and its folder, which need not exist yet."""

    method: str
    folder: str


class Seeker(NamedTuple):
    """Who asks for an encoder."""

    log_dir: str = "runs"
    """Folder that paths in a table are relative to, and below which encoders are looked for."""
    robot: str = "inmoov"
    task: str = "reach"
    table: str = ""
    """Path of a table; empty: the one that the package ships."""


def find_encoder(name: str, seeker: Seeker) -> Place:
    """Return the encoder that `name` stands for. Raises ConfigError, one line, that lists the known names.

    `latest`: the encoder below log_dir that was saved last. A path: of an encoder's folder. A name in the table or of a method:
    the folder that the table gives to it. Any other name: an encoder's folder below `<log_dir>/srl`.
    """
    if name == LATEST:
        return _latest(seeker.log_dir)
    if _is_path(name):
        return Place(method_at(name), name)
    folder = place_of(name, seeker)
    if name in encoded():
        return Place(name, folder)
    if method := method_of(folder):
        return Place(method, folder)
    if name in _names(seeker):
        raise ConfigError(
            f"srl_model {name} is {folder} in {_table_path(seeker)}, but no trained encoder lies there; correct the table, or "
            f"make an encoder and name its folder there: {command_line('train_srl')}"
        )
    own = [path.parent.name for path in _encoders(seeker.log_dir)]
    raise ConfigError(unknown_name("srl_model", name, dict.fromkeys([*METHODS, LATEST, *_names(seeker), *own])))


def place_of(name: str, seeker: Seeker) -> str:
    """Return the folder of a name: that of the table, else of its row `any`, else `<log_dir>/srl/<name>`."""
    rows = _rows(seeker)
    text = next((row[name] for row in rows if name in row), None)
    text = text or next((row[ANY] for row in rows if ANY in row), f"srl/{_PLACE}")
    folder = expanded(text.replace(_PLACE, name))
    return str(folder) if folder.is_absolute() else f"{seeker.log_dir}/{folder}"


def commands_for(method: str, seeker: Seeker, cameras: tuple[str, ...]) -> tuple[str, str]:
    """Return the commands that make an encoder: from images of the simulator, and from recorded bags."""
    given = {
        "robot": (seeker.robot, "inmoov"),
        "task": (seeker.task, "reach"),
        "log_dir": (seeker.log_dir, "runs"),
        "srl_models": (seeker.table, ""),
    }
    same = [f"{name}:={value}" for name, (value, default) in given.items() if value != default]
    train = ("train_srl", f"srl_model:={method}", *same)
    where = "bags/for_srl"
    same += ["policy:=scripted"] if "distillation" in METHODS[method].losses else []  # whose actions it learns
    record = command_line("record", *(word for word in same if not word.startswith(("log_dir", "srl_models"))),
                          f"cameras:={','.join(cameras)}", f"bag:={where}")  # fmt: skip
    return command_line(*train), f"{record} && {command_line(*train, f'bags:={where}')}"


def method_of(folder: str | Path) -> str:
    """Return the method in an encoder's encoder.json; empty: there is none, or none that can be read."""
    try:
        values = read_json(expanded(folder) / FILE)
    except FileError:
        return ""
    method = values.get("method") if isinstance(values, dict) else None
    return method if isinstance(method, str) else ""


def _is_path(name: str) -> bool:
    return "/" in name or os.sep in name or name.startswith(("~", "."))


def method_at(folder: str, setting: str = "srl_model") -> str:
    """Return the method of the encoder in a folder. Raises ConfigError, one line with the setting that names the folder."""
    make = f"make an encoder: {command_line('train_srl')}"
    try:
        values = read_json(expanded(folder) / FILE)
    except NoFileError:
        raise ConfigError(
            f"{setting} is {folder}, but no trained encoder lies there; give the folder with its {FILE}, or {make}"
        ) from None
    except FileError as error:
        raise ConfigError(f"{setting} is {folder}, whose encoder cannot be read: {error}; {make}") from None
    method = values.get("method") if isinstance(values, dict) else None
    if not isinstance(method, str):
        raise ConfigError(f"{setting} is {folder}, but its {FILE} names no method; {make}")
    if method not in encoded():
        raise ConfigError(
            f"{folder} was made by a method that is not installed: {unknown_name('srl_model', method, encoded())}"
        )
    return method


def _encoders(log_dir: str) -> list[Path]:
    """Return the encoder.json of each encoder below `<log_dir>/srl`, the newest last."""
    root = expanded(log_dir) / "srl"
    found = [path for pattern in ("*", "*/*", "*/*/*") for path in root.glob(f"{pattern}/{FILE}")][:_MOST_FOLDERS]
    return sorted(found, key=lambda path: (_saved_ns(path), str(path)))


def _saved_ns(path: Path) -> int:
    """Return when a file was written, ns; 0: it has been removed meanwhile."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _latest(log_dir: str) -> Place:
    for path in reversed(_encoders(log_dir)):
        if (method := method_of(path.parent)) in METHODS:
            return Place(method, str(path.parent))
    same = [f"log_dir:={log_dir}"] if log_dir != Seeker().log_dir else []
    raise ConfigError(
        f"srl_model is {LATEST}, but there is no encoder below {expanded(log_dir) / 'srl'}; make one with: "
        f"{command_line('train_srl', 'srl_model:=autoencoder', *same)}"
    )


def _table_path(seeker: Seeker) -> Path:
    return resolve(seeker.table) if seeker.table else share_directory() / "config" / "srl_models.yaml"


def _rows(seeker: Seeker) -> list[Mapping[str, str]]:
    """Return name -> folder of the table for this robot and task, then for any; the first that has a name counts."""
    path = _table_path(seeker)
    table = _table(path)
    robot = Path(seeker.robot).stem if seeker.robot.endswith((".yaml", ".yml")) else seeker.robot
    return [table[r][t] for r in (robot, ANY) if r in table for t in (seeker.task, ANY) if t in table[r]]


def _table(path: Path) -> dict[str, dict[str, dict[str, str]]]:
    table = read_yaml(path)
    for robot, tasks in table.items():
        for task, names in _mapping(tasks, f"{path}: {robot}", "tasks").items():
            for name, folder in _mapping(names, f"{path}: {robot}: {task}", "encoders").items():
                if not isinstance(folder, str) or not folder:
                    raise ConfigError(
                        f"{path}: {robot}: {task}: {name} is {shown(folder)}; expected the path of a folder"
                    )
                if set("{}") & set(folder.replace(_PLACE, "")):
                    raise ConfigError(
                        f"{path}: {robot}: {task}: {name} is {shown(folder)}; only {_PLACE} stands for something else, so "
                        "write that, or a path without braces"
                    )
    return table


def _mapping(value: Any, where: str, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{where} is {shown(value)}; expected a mapping of {what}: robot -> task -> name -> folder")
    return value


def _names(seeker: Seeker) -> list[str]:
    return [name for row in _rows(seeker) for name in row if name != ANY]
