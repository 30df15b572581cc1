"""Normalisation of observations: minus the mean, divided by the standard deviation, clipped.

The statistics are saved as plain numbers with the model. A dictionary of observations has statistics for each key. Pixels
have none, because networks for images divide by 255 themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robot_interface_ros.files import checked_values as check

CLIP = 10.0  # as in the S-RL Toolbox and stable-baselines3
_BOX = ""  # the key for an observation that is not a dictionary


@dataclass(frozen=True)
class Statistics:
    """Mean and variance of one array."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


@dataclass(frozen=True)
class Normalisation:
    """Statistics of the observations by key; empty for pixels."""

    of: Mapping[str, Statistics]
    epsilon: float

    def apply(self, observation: Any) -> Any:
        """Return the normalised observation, an array or a dictionary of arrays, for the learner."""
        if isinstance(observation, Mapping):
            return {key: self._one(key, value) for key, value in observation.items()}
        return self._one(_BOX, observation)

    def fits(self, space: spaces.Space[Any]) -> str:
        """Return how it contradicts the learner's observation space; empty if it fits."""
        boxes = space.spaces if isinstance(space, spaces.Dict) else {_BOX: space}
        for key, statistics in self.of.items():
            shape = boxes[key].shape if key in boxes else None
            if shape != statistics.mean.shape:
                return f"the model observes {shape} but its statistics have {statistics.mean.shape}"
        return ""

    def not_finite(self) -> str:
        """Return which statistics are not finite, or have a negative variance; empty if all are valid."""
        for key, statistics in self.of.items():
            variance = statistics.variance
            if not (np.isfinite(statistics.mean).all() and np.isfinite(variance).all() and (variance >= 0.0).all()):
                return f"its statistics{f' of {key}' if key else ''} hold numbers that are not finite"
        return ""

    def _one(self, key: str, value: NDArray[Any]) -> NDArray[Any]:
        if key not in self.of:
            return value
        statistics = self.of[key]
        normalised = (value - statistics.mean) / np.sqrt(statistics.variance + self.epsilon)
        return np.clip(normalised, -CLIP, CLIP).astype(np.float32)


def to_dict(vec_normalize: Any) -> dict[str, Any]:
    """Return the statistics of a VecNormalize as plain numbers; JSON keeps float64 exactly."""
    returns = vec_normalize.ret_rms
    rest = {
        "epsilon": vec_normalize.epsilon,
        "return_mean": float(returns.mean),
        "return_variance": float(returns.var),
        "return_count": float(returns.count),
    }
    if not vec_normalize.norm_obs:
        return {"keys": {}, **rest}
    if isinstance(vec_normalize.obs_rms, dict):
        return {"keys": {key: _numbers(rms) for key, rms in vec_normalize.obs_rms.items()}, **rest}
    return {**_numbers(vec_normalize.obs_rms), **rest}


def from_dict(values: Mapping[str, Any]) -> Normalisation:
    """Read the result of `to_dict`. Raises FileError, in one line, for anything else."""
    values = check.mapping(values, "it")
    for name in ("epsilon", "return_mean", "return_variance", "return_count"):
        check.number(values.get(name), name, -np.inf if name == "return_mean" else 0.0)
    parts = check.mapping(values.get("keys", {_BOX: values}), "keys")
    of = {}
    for key, part in parts.items():
        where = f"{key:.80}: " if key else ""
        part = check.mapping(part, f"{where}statistics")
        check.number(part.get("count"), f"{where}count", 0.0)
        of[key] = Statistics(*(_array(part.get(name), f"{where}{name}") for name in ("mean", "variance")))
        if of[key].mean.shape != of[key].variance.shape:
            raise check.FileError(
                f"{where}mean and variance have shapes {of[key].mean.shape}, {of[key].variance.shape}"
            )
    return Normalisation(of, float(values["epsilon"]))


def _array(values: Any, where: str) -> NDArray[np.float64]:
    try:
        return np.array(values if isinstance(values, list) else None, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise check.FileError(f"{where} is {check.shown(values)}; expected a list of numbers") from None


def restore(vec_normalize: Any, values: Mapping[str, Any]) -> None:
    """Restore a VecNormalize from the numbers that `to_dict` returned."""
    returns = vec_normalize.ret_rms
    returns.mean, returns.var = np.float64(values["return_mean"]), np.float64(values["return_variance"])
    returns.count = values["return_count"]
    parts = values.get("keys", {_BOX: values})
    for key, part in parts.items():
        rms = vec_normalize.obs_rms if key == _BOX else vec_normalize.obs_rms[key]
        rms.mean, rms.var, rms.count = np.array(part["mean"]), np.array(part["variance"]), part["count"]


def _numbers(rms: Any) -> dict[str, Any]:
    return {"mean": rms.mean.tolist(), "variance": rms.var.tolist(), "count": float(rms.count)}
