"""Observation and action spaces as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray


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
    raise TypeError(f"no way to save a space of type {type(space).__name__}")


def from_json(values: Mapping[str, Any]) -> spaces.Space[Any]:
    """Read back what `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
    if "box" in values:
        shape, dtype = tuple(values["box"]), np.dtype(values["dtype"])
        low, high = (np.broadcast_to(np.array(values[side], dtype), shape) for side in ("low", "high"))
        return spaces.Box(low, high, dtype=dtype.type)
    if "discrete" in values:
        return spaces.Discrete(values["discrete"], start=values["start"])
    return spaces.Dict({key: from_json(part) for key, part in values["dict"].items()})


def _bound(values: NDArray[Any]) -> Any:
    """One number where all are the same, as those of images are."""
    return values.flat[0].item() if values.size and (values == values.flat[0]).all() else values.tolist()
