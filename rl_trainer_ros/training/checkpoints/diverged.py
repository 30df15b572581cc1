"""Whether a learner's numbers are still numbers: what is not finite is never saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rl_trainer_ros.environments.finite import NotFinite
from rl_trainer_ros.training import normalisation
from rl_trainer_ros.training.checkpoints import parameters


class Diverged(NotFinite):
    """Networks, optimisers or statistics hold numbers that are not finite; one line."""


def check(algorithm: Any, statistics: Any) -> None:
    """Raise Diverged unless everything that a checkpoint would hold of a learner is finite.

    `algorithm`: a stable-baselines3 learner; `statistics`: its VecNormalize.
    """
    where = not_finite(parameters.of(algorithm), "learner") or not_finite(
        normalisation.to_dict(statistics), "statistics of observations and rewards"
    )
    if where:
        raise Diverged(f"numbers that are not finite in {where}: the learning has diverged")


def not_finite(tree: Any, name: str) -> str:
    """Return the name of the first entry of nested dictionaries, lists and tensors that is not finite; empty where none is."""
    if isinstance(tree, dict):
        parts = ((part, f"{name}, {key}") for key, part in tree.items())
    elif isinstance(tree, (list, tuple)):
        if all(isinstance(part, float) for part in tree):
            return "" if np.isfinite(tree).all() else name
        parts = ((part, f"{name}[{i}]") for i, part in enumerate(tree))
    elif isinstance(tree, torch.Tensor):
        return "" if not tree.is_floating_point() or bool(torch.isfinite(tree).all()) else name
    else:
        return name if isinstance(tree, float) and not np.isfinite(tree) else ""
    return next((found for part, label in parts if (found := not_finite(part, label))), "")
