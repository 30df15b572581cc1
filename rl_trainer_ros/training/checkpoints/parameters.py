"""The learned state of a learner: networks, optimisers and single variables."""

from __future__ import annotations

import math
from typing import Any

import torch

from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.training.checkpoints.errors import ModelError, one_line
from robot_interface_ros.files.checked_values import shown

_MODULES, _VARIABLES = "modules", "variables"
_SPEED = "foreach"


def of(learner: Learner) -> dict[str, Any]:
    """Return the learned state for a checkpoint, including the optimisers."""
    parts = learner.parts()
    return {
        _MODULES: {name: module.state_dict() for name, module in parts.modules.items()},
        _VARIABLES: dict(parts.variables),
    }


def restore(learner: Learner, tree: Any, name: str) -> None:
    """Restore the result of `of`; `name`: of the file, for errors. Raises ModelError if it does not fit."""
    parts = learner.parts()
    try:
        modules, variables = dict(tree[_MODULES]), dict(tree[_VARIABLES])
        for found, expected in ((modules, parts.modules), (variables, parts.variables)):
            if found.keys() != expected.keys():
                raise ValueError(f"it holds {', '.join(found)} instead of {', '.join(expected)}")
        for entry, state in modules.items():
            part = parts.modules[entry]
            if isinstance(part, torch.optim.Optimizer):
                _restore_optimizer(state, part)
            else:
                part.load_state_dict(state)
        for entry, value in variables.items():
            parts.variables[entry].data.copy_(value)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ModelError(
            f"{name} does not fit a {type(learner.algorithm).__name__} with these settings: {one_line(error)}"
        ) from None
    learner.parts_changed()


def _restore_optimizer(state: Any, optimizer: Any) -> None:
    """Restore an optimiser; it keeps its own `foreach`, which changes the speed but not the results."""
    _check_optimizer(state, optimizer)
    own = [group.get(_SPEED) for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, value in zip(optimizer.param_groups, own):
        group[_SPEED] = value


def _check_optimizer(state: Any, optimizer: Any) -> None:
    """Raise ValueError unless an optimiser's state has the types and shapes that its next step needs."""
    expected = optimizer.state_dict()
    if len(state["param_groups"]) != len(expected["param_groups"]):
        raise ValueError("it has another number of groups of parameters")
    for group, own in zip(state["param_groups"], expected["param_groups"]):
        for name, value in own.items():
            if name == _SPEED:
                continue
            if name not in group or not _alike(group[name], value):
                raise ValueError(
                    f"its optimiser's {name} is {shown(group.get(name))}; expected one like {shown(value)}"
                )
    shapes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
    for place, entry in state["state"].items():
        for name, value in entry.items():
            if isinstance(value, torch.Tensor) and value.dim() and value.shape != shapes[place]:
                raise ValueError(f"its optimiser's {name} has shape {tuple(value.shape)}")


def _alike(value: Any, own: Any) -> bool:
    """Return whether two settings have the same type. All numbers count as one type; None equals only None."""
    if own is None or value is None:
        return value is None or own is None
    if isinstance(own, (list, tuple)):
        return isinstance(value, (list, tuple)) and len(value) == len(own) and all(map(_alike, value, own))
    if isinstance(own, bool) or not isinstance(own, (int, float)):
        return type(value) is type(own)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
