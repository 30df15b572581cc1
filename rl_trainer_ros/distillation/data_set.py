"""Teacher data: observations, and a teacher's distribution of actions for each. Reading a folder runs no code from it.

`about.json` names task, robot and observation; `data.npz` holds the arrays. The observations have no task label: it is the
same in the whole folder, and is added for students that see labels.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces as gym_spaces
from numpy.typing import DTypeLike, NDArray

from rl_trainer_ros.distillation.distributions import ARRAYS, CATEGORICAL, Actions
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.training.checkpoints import spaces
from robot_interface_ros.config import ConfigError, from_mapping
from robot_interface_ros.files import checked_values as check
from robot_interface_ros.files.atomic_file import replacing, to_disk
from robot_interface_ros.files.untrusted_arrays import read_npz
from robot_interface_ros.files.untrusted_files import MEBIBYTE, FileError, NoFileError, read_json

ABOUT, DATA, FORMAT = "about.json", "data.npz", 1
LARGEST_DATA = 64 * 1024 * MEBIBYTE
TEACHER, STUDENT = "teacher", "student"
NOTES = (
    *("teacher", "teacher_sha256", "algo", "seed", "srl_model", "encoder", "recorded_by", "recording"),
    *("episodes", "mean_return", "success_rate"),
)
LARGEST_LOG_STD = 20.0
"""Of a Gaussian, as in sac; the variance of a larger one is infinite in single precision."""


@dataclass(frozen=True)
class DataSet:
    """Observations of n steps, and the teacher's distribution of actions at each."""

    environment: EnvConfig
    """In which it was recorded: the student's observation, the teacher's task; without a label."""
    observation_space: gym_spaces.Box
    action_space: gym_spaces.Space[Any]
    observations: NDArray[Any]
    """`(n, *observation_space.shape)`"""
    actions: Actions
    rewards: NDArray[np.float32]
    """`(n,)` of the recorded steps."""
    starts: NDArray[np.bool_]
    """`(n,)` whether an episode begins here."""
    robot: NDArray[np.int32]
    """`(n,)` number of the robot; the rows of each robot are in the order of time."""
    notes: Mapping[str, Any]
    """As NOTES names them."""

    def __len__(self) -> int:
        return len(self.observations)

    @property
    def task(self) -> str:
        """The teacher's task."""
        return self.environment.task

    def first(self, n: int) -> DataSet:
        """Return the first n rows, or all if there are fewer."""
        if n >= len(self):
            return self
        arrays = {name: array[:n] for name, array in self.actions.arrays.items()}
        names = ("observations", "rewards", "starts", "robot")
        cut = {name: getattr(self, name)[:n] for name in names}
        return dataclasses.replace(self, actions=Actions(self.actions.kind, arrays), **cut)


def write(data: DataSet, folder: Path) -> None:
    """Write a folder, whole or not at all. Raises OSError."""
    about = {
        "format": FORMAT,
        "samples": len(data),
        "actions": data.actions.kind,
        "environment": _plain(data.environment),
        "observation_space": spaces.to_json(data.observation_space),
        "action_space": spaces.to_json(data.action_space),
        **data.notes,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        with open(temporary / DATA, "wb") as stream:
            arrays: dict[str, Any] = {"observations": data.observations, **data.actions.arrays}
            np.savez(stream, **arrays, rewards=data.rewards, starts=data.starts, robot=data.robot)
        for path in temporary.iterdir():
            to_disk(path)


def is_data(folder: Path) -> bool:
    """Whether a folder holds teacher data."""
    return (folder / DATA).is_file() and (folder / ABOUT).is_file()


def read(folder: Path) -> DataSet:
    """Read a folder. Raises ConfigError, one line, for damaged files and invalid numbers."""
    try:
        return _read(folder)
    except NoFileError:
        raise ConfigError(f"{folder} holds no teacher data: it needs {ABOUT} and {DATA}") from None
    except FileError as error:
        raise ConfigError(f"{error}; record the teacher again") from None


def _read(folder: Path) -> DataSet:
    path = folder / ABOUT
    about = check.mapping(read_json(path), str(path))
    if about.get("format") != FORMAT:
        raise FileError(f"{path}: format is {check.shown(about.get('format'))}; this version reads {FORMAT}")
    if about.get("actions") not in ARRAYS:
        raise FileError(f"{path}: actions is {check.shown(about.get('actions'))}; known: {', '.join(ARRAYS)}")
    environment = from_mapping(EnvConfig, check.mapping(about.get("environment"), f"{path}: environment"), str(path))
    space = spaces.from_json(about.get("observation_space"), f"{path}: observation_space")
    action_space = spaces.from_json(about.get("action_space"), f"{path}: action_space")
    if not isinstance(space, gym_spaces.Box):
        raise FileError(f"{path}: observation_space is {spaces.brief(space)}; expected a box")
    discrete = isinstance(action_space, gym_spaces.Discrete)
    if discrete != (about["actions"] == CATEGORICAL):
        raise FileError(
            f"{path}: actions is {about['actions']}, which does not fit the action space {spaces.brief(action_space)}"
        )
    for name in ("teacher", "srl_model", "encoder"):
        if not isinstance(about.get(name), str | None):
            raise FileError(f"{path}: {name} is {check.shown(about[name])}; expected text")
    arrays = read_npz(folder / DATA, LARGEST_DATA)
    names = ARRAYS[about["actions"]]
    answers = {name: _array(arrays, name, folder, _width(action_space), np.float32) for name in names}
    data = DataSet(
        environment,
        space,
        action_space,
        _array(arrays, "observations", folder, space.shape, space.dtype),
        Actions(about["actions"], answers),
        _array(arrays, "rewards", folder, (), np.float32),
        _array(arrays, "starts", folder, (), np.bool_),
        _array(arrays, "robot", folder, (), np.int32),
        {name: about.get(name) for name in NOTES},
    )
    _check_rows(data, folder)
    return data


def _check_rows(data: DataSet, folder: Path) -> None:
    lengths = {name: len(array) for name, array in _arrays(data).items()}
    if len(set(lengths.values())) > 1 or not len(data):
        counts = ", ".join(f"{n} {name}" for name, n in lengths.items())
        raise FileError(f"{folder / DATA} holds {counts}; expected the same number of each, at least one")
    for name, array in _arrays(data).items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise FileError(f"{folder / DATA}: {name} holds a number that is not finite, in row {row}")
    if data.actions.kind == CATEGORICAL:
        p = data.actions.arrays["probabilities"]
        if (p < 0.0).any() or (np.abs(p.sum(axis=-1) - 1.0) > 1e-3).any():
            raise FileError(f"{folder / DATA}: probabilities are not from 0 to 1 with a sum of 1")
    elif (np.abs(data.actions.arrays["log_std"]) > LARGEST_LOG_STD).any():
        raise FileError(f"{folder / DATA}: log_std is not from -{LARGEST_LOG_STD:.0f} to {LARGEST_LOG_STD:.0f}")


def _arrays(data: DataSet) -> dict[str, NDArray[Any]]:
    names = ("observations", "rewards", "starts", "robot")
    return {**{name: getattr(data, name) for name in names}, **data.actions.arrays}


def _array(
    arrays: Mapping[str, NDArray[Any]], name: str, folder: Path, shape: tuple[int, ...], dtype: DTypeLike
) -> NDArray[Any]:
    """Return an array as `dtype`, to which only numbers of the same kind, such as float64 for float32, are converted."""
    if name not in arrays:
        raise FileError(f"{folder / DATA} lacks {name}")
    if arrays[name].shape[1:] != shape or not arrays[name].ndim:
        raise FileError(
            f"{folder / DATA}: {name} has shape {arrays[name].shape}; expected (n, {', '.join(map(str, shape))})"
        )
    if not np.can_cast(arrays[name].dtype, np.dtype(dtype), "same_kind"):
        raise FileError(f"{folder / DATA}: {name} holds {arrays[name].dtype}; expected {np.dtype(dtype)}")
    with np.errstate(over="ignore"):  # too large a number becomes infinity, which is refused
        return arrays[name].astype(dtype, copy=False)


def _width(space: gym_spaces.Space[Any]) -> tuple[int, ...]:
    """Shape of one row of a distribution's arrays."""
    return (int(space.n),) if isinstance(space, gym_spaces.Discrete) else tuple(space.shape or ())


def _plain(config: EnvConfig) -> dict[str, Any]:
    """The settings of an environment as JSON has them."""
    values = dataclasses.asdict(config)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
