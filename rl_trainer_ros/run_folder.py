"""The folder of one training run: `runs/<task>/<srl_model>/<algo>/<time>/`."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from rl_trainer_ros.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError, from_mapping, read_yaml

_VERSIONS_OF = ("rl_trainer_ros", "numpy", "torch", "stable-baselines3", "gymnasium", "pybullet", "xacro")


def create(config: TrainerConfig, hyperparameters: dict[str, Any]) -> Path:
    """Make a new run folder with `config.yaml` (everything, resolved) and `versions.txt`."""
    parent = Path(config.log_dir) / config.task / config.srl_model / config.algo
    parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for name in [now, *(f"{now}_{i}" for i in range(1, 100))]:  # two runs may start in one second
        try:
            (parent / name).mkdir()
            break
        except FileExistsError:
            continue
    folder = parent / name
    settings = {**dataclasses.asdict(config), "namespaces": list(config.namespaces)}
    write_text(
        folder / "config.yaml",
        yaml.safe_dump({"trainer": settings, "hyperparameters": hyperparameters}, sort_keys=False),
    )
    write_text(folder / "versions.txt", "".join(f"{name} {version}\n" for name, version in versions().items()))
    return folder


def load_config(folder: Path) -> TrainerConfig:
    """Read a run folder's configuration back."""
    values = read_yaml(folder / "config.yaml")
    return from_mapping(TrainerConfig, values.get("trainer"), str(folder / "config.yaml"))


def find(run: str, log_dir: str = "runs") -> Path:
    """Return a run folder: `latest`, or a path to the run or to something in it."""
    if run == "latest":
        runs = sorted(Path(log_dir).glob("*/*/*/*/config.yaml"), key=lambda path: path.stat().st_mtime)
        if not runs:
            raise ConfigError(f"no run in {Path(log_dir).resolve()}; train first: rl_trainer train")
        return runs[-1].parent
    path = Path(run)
    for folder in (path, *path.absolute().parents):
        if (folder / "config.yaml").is_file() and (folder / "versions.txt").is_file():
            return folder
    raise ConfigError(f"{run} is no run folder: it has no config.yaml; use run:=latest or a folder below {log_dir}/")


def versions() -> dict[str, str]:
    """Return the versions that a run's numbers depend on."""
    found = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "ros_distro": os.environ.get("ROS_DISTRO", ""),
    }
    for name in _VERSIONS_OF:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: to a temporary name, to disk, then renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` as readable JSON, whole or not at all."""
    write_text(path, json.dumps(values, indent=2) + "\n")
