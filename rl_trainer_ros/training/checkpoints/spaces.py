"""Observation and action spaces as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robot_interface_ros.files import checked_values as check
from robot_interface_ros.files.untrusted_files import one_line

MOST_NUMBERS = 2**25
"""Largest number of values of an observation: a hundred frames of 300 x 300 pixels."""
MOST_CHOICES = 100_000
DTYPES = ("float32", "float64", "uint8", "int8", "int16", "int32", "int64")


def to_json(space: spaces.Space[Any]) -> dict[str, Any]:
    """Return a Box, Discrete or Dict space as plain values. Raises TypeError for others."""
    if isinstance(space, spaces.Box):
        return {
            "box": list(space.shape),
            "dtype": str(space.dtype),
            "low": _bound(space.low),
            "high": _bound(space.high),
        }
    if isinstance(space, spaces.Discrete):
        return {"discrete": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.Dict):
        return {"dict": {key: to_json(part) for key, part in space.spaces.items()}}
    raise TypeError(f"a space of type {type(space).__name__} cannot be saved")


def from_json(values: Any, where: str) -> spaces.Space[Any]:
    """Read the result of `to_json`; `where`: its place, for errors. Raises FileError, in one line, for anything else."""
    values = check.mapping(values, where)
    if "box" in values:
        return _box(values, where)
    if "discrete" in values:
        n = check.whole(values["discrete"], f"{where}: discrete", 1, MOST_CHOICES)
        return spaces.Discrete(
            n, start=check.whole(values.get("start"), f"{where}: start", -MOST_CHOICES, MOST_CHOICES)
        )
    parts = check.mapping(values.get("dict"), f"{where}: dict")
    return spaces.Dict({key: from_json(part, f"{where}: {key:.80}") for key, part in parts.items()})


def brief(space: spaces.Space[Any], *others: spaces.Space[Any]) -> str:
    """Return a short text of one line for a space; `others`: spaces that it is told apart from."""
    if isinstance(space, spaces.Dict):
        return "{" + ", ".join(f"{key}: {brief(part)}" for key, part in space.spaces.items()) + "}"
    if not isinstance(space, spaces.Box):
        return str(space)
    text = f"Box{space.shape} {space.dtype} from {space.low.min():g} to {space.high.max():g}"
    alike = any(other != space and brief(other) == text for other in others)
    return f"{text}, other limits of single numbers" if alike else text


def _box(values: Mapping[str, Any], where: str) -> spaces.Box:
    lengths = check.listed(values["box"], f"{where}: box")
    shape = tuple(check.whole(length, f"{where}: box", 0, MOST_NUMBERS) for length in lengths)
    if math.prod(shape) > MOST_NUMBERS or values.get("dtype") not in DTYPES:
        raise check.FileError(
            f"{where} has {math.prod(shape):,} numbers of type {check.shown(values.get('dtype'))}; expected at most "
            f"{MOST_NUMBERS:,} of {', '.join(DTYPES)}"
        )
    dtype = np.dtype(values["dtype"])
    try:
        low, high = (np.broadcast_to(np.array(values[side], dtype), shape) for side in ("low", "high"))
        return spaces.Box(low, high, dtype=dtype.type)
    except (KeyError, TypeError, ValueError, OverflowError, AssertionError) as error:
        raise check.FileError(f"{where}: {one_line(error)}") from None


def _bound(values: NDArray[Any]) -> Any:
    """Return one number if all are equal, as for images, otherwise a list."""
    return values.flat[0].item() if values.size and (values == values.flat[0]).all() else values.tolist()
