"""Replay buffers as .npz files without pickled data. Only the filled part is saved."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.training.checkpoints.errors import ModelError, one_line
from robot_interface_ros.files.untrusted_arrays import read_npz
from robot_interface_ros.files.untrusted_files import FileError

_POSITION, _FULL = "pos", "full"


def end_episodes(buffer: Any) -> None:
    """Mark the last entry as truncated: the next transition belongs to another episode."""
    if buffer is None or not (buffer.full or buffer.pos > 0):
        return
    if hasattr(buffer, "truncate_last_trajectory"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about exactly this intended change
            buffer.truncate_last_trajectory()
    elif buffer.handle_timeout_termination:
        buffer.dones[buffer.pos - 1] = buffer.timeouts[buffer.pos - 1] = 1.0


def save(buffer: Any, path: Path) -> None:
    """Write all arrays of the buffer."""
    rows = buffer.buffer_size if buffer.full else buffer.pos
    arrays = {name: array if _per_environment(name) else array[:rows] for name, array in _arrays(buffer).items()}
    with open(path, "wb") as stream:
        np.savez(stream, **arrays, pos=np.array(buffer.pos), full=np.array(buffer.full))  # type: ignore[arg-type]


def load(buffer: Any, path: Path) -> None:
    """Fill a new buffer with the same settings. Raises ModelError, in one line, if the file is damaged or does not fit."""
    expected = _arrays(buffer)
    try:
        found = read_npz(path, sum(array.nbytes for array in expected.values()))
        position, full = int(found.pop(_POSITION)), bool(found.pop(_FULL))
    except (FileError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged or truncated: {one_line(error)}; use another checkpoint") from None
    rows = buffer.buffer_size if full else position
    for name, array in expected.items():
        shape = array.shape if _per_environment(name) else (rows, *array.shape[1:])
        stored = found[name].shape if name in found else None
        if stored != shape or found[name].dtype != array.dtype or not 0 <= position <= buffer.buffer_size:
            raise ModelError(
                f"{path} does not fit the replay buffer: {name} is {stored}, expected {shape} in {buffer.buffer_size} rows "
                "(robots, observation and buffer_size must be the same as when it was saved)"
            )
        array[: len(found[name])] = found[name]
    buffer.pos, buffer.full = position, full


def _per_environment(name: str) -> bool:
    """Return whether an array has a row for each robot, not for each step."""
    return name == "_current_ep_start"


def _arrays(buffer: Any) -> dict[str, NDArray[Any]]:
    """Return all arrays of plain numbers by name; an array in a dictionary is called name/key."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in vars(buffer).items():
        parts = {f"{name}/{key}": part for key, part in value.items()} if isinstance(value, dict) else {name: value}
        arrays |= {key: part for key, part in parts.items() if isinstance(part, np.ndarray) and part.dtype != object}
    return arrays
