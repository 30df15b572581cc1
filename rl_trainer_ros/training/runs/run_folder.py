"""The folder of one training run: `runs/<task>/<state>/<algo>/<time>/`."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.checkpoints.folders import LINKS, model_of, read, trained
from rl_trainer_ros.training.runs import encoders, robot_files
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, from_mapping, read_yaml
from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.checked_values import listed, mapping, number, shown
from robot_interface_ros.files.paths import expanded
from robot_interface_ros.files.untrusted_files import FileError, read_json
from robot_interface_ros.robot_config import RobotDescription

_SECTIONS = ("trainer", "hyperparameters", "robot")
_VERSIONS_OF = ("rl_trainer_ros", "rclpy", "numpy", "torch", "stable-baselines3", "gymnasium", "pybullet", "xacro")

FILES = ("config.yaml", "versions.txt")
"""Files that make a folder a run folder."""

DISTILLATION = "distillation"
"""Section of a student's `config.yaml`."""


CONTINUAL = "continual.json"
"""File in the folder of continual learning, with its settings; the runs of its stages are four folders below."""


@dataclass(frozen=True)
class TrainingResult:
    """Folder and end of a run."""

    folder: Path
    num_timesteps: int
    training_s: float
    ended: str
    """finished, stopped or failed."""
    error: Exception | None = None


def write_result(result: TrainingResult) -> None:
    """Write `result.json` in the run's folder."""
    write_json(
        result.folder / "result.json",
        {
            "ended": result.ended,
            "error": str(result.error) if result.error else None,
            "num_timesteps": result.num_timesteps,
            "training_s": round(result.training_s, 1),
        },
    )


def training_s_of(folder: Path) -> float | None:
    """Return the training time of a run, s; None if its `result.json` is missing or has no time."""
    path = folder / "result.json"
    try:
        return number(mapping(read_json(path), str(path)).get("training_s"), f"{path}: training_s", 0.0)
    except FileError:
        return None


def create(
    config: TrainerConfig,
    hyperparameters: dict[str, Any],
    robot: RobotDescription,
    distillation: Mapping[str, Any] | None = None,
) -> Path:
    """Make a new run folder with `config.yaml` (settings, hyper-parameters, the robot's limits) and `versions.txt`.

    `distillation`: how a student is taught: its tasks and settings; None: a training.
    """
    tasks = "+".join(dict.fromkeys(distillation["tasks"])) if distillation else config.task
    parent = expanded(config.log_dir) / tasks[:100] / config.state / config.algo
    parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for name in [now, *(f"{now}_{i}" for i in range(1, 100))]:  # two runs may start in the same second
        try:
            (parent / name).mkdir()
            break
        except FileExistsError:
            continue
    folder = parent / name
    write_config(folder, config, hyperparameters, _resolved(robot), distillation)
    with contextlib.suppress(ConfigError, OSError):  # the robot was not made from files
        write_json(folder / robot_files.FILE, robot_files.record(config.robot))
    write_atomically(folder / "versions.txt", "".join(f"{name} {version}\n" for name, version in versions().items()))
    return folder


def write_config(
    folder: Path,
    config: TrainerConfig,
    hyperparameters: dict[str, Any],
    robot: dict[str, Any],
    distillation: Mapping[str, Any] | None = None,
) -> None:
    """Write `config.yaml`: settings, hyper-parameters, the robot's limits, and of a student how it is taught."""
    settings = {**dataclasses.asdict(config), "namespaces": list(config.namespaces), "resume": ""}
    settings["task_labels"] = list(config.task_labels)
    values = {"trainer": settings, "hyperparameters": hyperparameters, "robot": robot}
    values |= {DISTILLATION: dict(distillation)} if distillation else {}
    write_atomically(folder / "config.yaml", yaml.safe_dump(values, sort_keys=False))


def go_on(folder: Path, config: TrainerConfig) -> None:
    """Write the settings of a resumed run into its `config.yaml`."""
    write_config(folder, config, hyperparameters_of(folder), dict(_section(folder, "robot")))


def hyperparameters_of(folder: Path) -> dict[str, Any]:
    """Read a run's hyper-parameters, as they were resolved at its start."""
    return dict(_section(folder, "hyperparameters"))


def distillation_of(folder: Path) -> dict[str, Any] | None:
    """Return how a student was taught, as `create` was told; None where the run is a training."""
    return dict(_section(folder, DISTILLATION)) if DISTILLATION in read_yaml(folder / "config.yaml") else None


def joint_tasks(folder: Path) -> list[str]:
    """Return the tasks that a run trains on at the same time (continual learning, `method:=joint`); empty for other runs.

    Its own `config.yaml` names the first one only. Raises FileError.
    """
    parents = folder.resolve().parents
    path = parents[4] / CONTINUAL if len(parents) > 4 else folder / CONTINUAL
    if not path.is_file():
        return []
    settings = mapping(read_json(path), str(path))
    return list(map(str, listed(settings.get("tasks"), f"{path}: tasks"))) if settings.get("method") == "joint" else []


def learned_configs(folder: Path, config: TrainerConfig) -> list[TrainerConfig]:
    """Return a run's settings for each task that it learned: one, those of a student's teachers, or those that it trained on
    at the same time. Raises ConfigError."""
    if joint := joint_tasks(folder):
        return [dataclasses.replace(config, task=task) for task in joint]
    section = distillation_of(folder) or {}
    where = f"{folder / 'config.yaml'}: {DISTILLATION}: environments"
    own = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    found: list[TrainerConfig] = []
    for changes in listed(section.get("environments", [{}]), where):
        one = from_mapping(TrainerConfig, {**own, **mapping(changes, where)}, where)
        found += [] if one in found else [one]
    return found or [config]


def load_config(folder: Path) -> TrainerConfig:
    """Read the settings of a run from its folder; settings that are newer than the run have their defaults.

    The encoder is that beside the run, also from another working folder.
    Raises ConfigError where a section is missing, as in a file that was cut: the settings after the cut would be lost.
    """
    return encoders.beside(config_of(read_yaml(folder / "config.yaml"), folder), folder)


def config_of(values: Mapping[str, Any], folder: Path) -> TrainerConfig:
    """Return the settings in the content of a run's `config.yaml`, as `load_config`; `folder`: of the run, for errors."""
    path, given = folder / "config.yaml", _section_of(values, folder, "trainer")
    lacking = [name for name in _SECTIONS if name not in values]
    if lacking:
        settings = [field.name for field in dataclasses.fields(TrainerConfig) if field.name not in given]
        more = f"; trainer lacks {_some(settings)}" if settings else ""
        raise ConfigError(f"{path} is cut, it lacks {', '.join(lacking)}{more}: restore it from a copy of the run")
    return from_mapping(TrainerConfig, given, str(path))


def _section(folder: Path, name: str) -> Mapping[str, Any]:
    """Return a section of a run's config.yaml. Raises ConfigError if it is missing or not a mapping."""
    return _section_of(read_yaml(folder / "config.yaml"), folder, name)


def _section_of(values: Mapping[str, Any], folder: Path, name: str) -> Mapping[str, Any]:
    found = values.get(name)
    if not isinstance(found, Mapping):
        raise ConfigError(
            f"{folder / 'config.yaml'}: {name} is {shown(found)}; expected a mapping; the file is damaged, or not of a run"
        )
    return found


def find(run: str, log_dir: str = "runs", learned: bool = False) -> Path:
    """Return the run folder for `latest`, or for the path of a run or of a file in it.

    `learned`: the latest with a trained model, or where there is none, the latest with a model.
    """
    if run == "latest":
        runs = sorted(expanded(log_dir).glob("*/*/*/*/config.yaml"), key=lambda path: path.stat().st_mtime)
        found = [path.parent for path in runs if not learned or has_model(path.parent)]
        found = [folder for folder in found if learned and _is_trained(folder)] or found
        if not found:
            missing = "run with a model" if runs else "run"
            words = ("train", *([f"log_dir:={log_dir}"] if log_dir != TrainerConfig.log_dir else []))
            raise ConfigError(f"no {missing} in {expanded(log_dir).resolve()}; train first: {command_line(*words)}")
        return found[-1]
    path = expanded(run)
    for folder in (path, *path.absolute().parents):
        if all((folder / name).is_file() for name in FILES):
            return folder
    missing = " and no ".join(name for name in FILES if not (path / name).is_file())
    raise ConfigError(f"{run} is not a run folder: it has no {missing}; give latest, or a folder below {log_dir}/")


def has_model(run: Path) -> bool:
    """Return whether a run has saved a model."""
    return any(model_of(run, link) for link in LINKS)


def _is_trained(run: Path) -> bool:
    """Whether the model that a run saved last was updated; one that cannot be read is refused where it is loaded."""
    for link in ("final", "latest", "best"):
        with contextlib.suppress(ModelError):
            return trained(read(model_of(run, link) or run / link).about)
    return True


def _some(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _resolved(robot: RobotDescription) -> dict[str, Any]:
    """Return the robot's data that a run's results depend on: limits per joint, and the URDF's digest."""
    limits = robot.limits
    columns = (limits.lower, limits.upper, limits.velocity, limits.effort, robot.rest, robot.max_acceleration)
    labels = ("lower", "upper", "velocity", "effort", "rest", "max_acceleration")
    joints = {name: dict(zip(labels, map(float, row))) for name, row in zip(robot.joint_names, zip(*columns))}
    return {
        "name": robot.name,
        "end_effector": robot.config.end_effector,
        "urdf_sha256": urdf_digest(robot),
        "joints": joints,
    }


def urdf_digest(robot: RobotDescription) -> str:
    """Return the sha256 of a robot's URDF."""
    return hashlib.sha256(robot.urdf.encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions that a run's results depend on."""
    found = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "ros_distro": os.environ.get("ROS_DISTRO", ""),
        "rmw_implementation": os.environ.get("RMW_IMPLEMENTATION", ""),
    }
    for name in _VERSIONS_OF:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` as readable JSON, atomically."""
    write_atomically(path, json.dumps(values, indent=2) + "\n")
