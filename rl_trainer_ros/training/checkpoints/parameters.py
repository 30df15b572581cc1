"""What a learner has learned: networks, optimisers and single variables of any algorithm with stable-baselines3's interface."""

from __future__ import annotations

import math
from typing import Any

import torch

from rl_trainer_ros.training.checkpoints.errors import ModelError, one_line
from robot_interface_ros.files.checked_values import shown

_MODULES, _VARIABLES = "modules", "variables"


def of(algorithm: Any) -> dict[str, Any]:
    """Return the state of everything that the algorithm itself names as worth saving; its optimisers are among it."""
    _, variables = algorithm._get_torch_save_params()
    modules = algorithm.get_parameters()
    optimizer = getattr(algorithm.policy, "optimizer", None)
    if optimizer is not None:
        modules.setdefault("policy.optimizer", optimizer.state_dict())
    return {_MODULES: modules, _VARIABLES: {name: _attribute(algorithm, name) for name in variables}}


def restore(algorithm: Any, tree: Any, name: str) -> None:
    """Put back what `of` returned. Raises ModelError, in which `name` stands for the file, where it does not fit."""
    try:
        modules = dict(tree[_MODULES])
        expected = of(algorithm)[_MODULES]
        if modules.keys() != expected.keys():
            raise ValueError(f"it holds {', '.join(modules)} rather than {', '.join(expected)}")
        variables = of(algorithm)[_VARIABLES]
        if tree[_VARIABLES].keys() != variables.keys():
            raise ValueError(f"it holds {', '.join(tree[_VARIABLES])} rather than {', '.join(variables)}")
        for entry, state in modules.items():
            if isinstance(_attribute(algorithm, entry), torch.optim.Optimizer):
                _check_optimizer(state, expected[entry], _attribute(algorithm, entry))
            _attribute(algorithm, entry).load_state_dict(state)
        for entry, value in tree[_VARIABLES].items():
            _attribute(algorithm, entry).data.copy_(value)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ModelError(
            f"{name} does not fit a {type(algorithm).__name__} of these settings: {one_line(error)}"
        ) from None
    if hasattr(algorithm, "weights"):  # of population-based search: the policy's, as one vector
        algorithm.weights = torch.nn.utils.parameters_to_vector(algorithm.policy.parameters()).detach().clone()


def _check_optimizer(state: Any, expected: Any, optimizer: Any) -> None:
    """Raise ValueError unless an optimiser's state is of the types and shapes that its next step takes."""
    if len(state["param_groups"]) != len(expected["param_groups"]):
        raise ValueError("it has another number of groups of parameters")
    for group, own in zip(state["param_groups"], expected["param_groups"]):
        for name, value in own.items():
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
    """Whether two settings are of one type; all numbers are, and None is like everything."""
    if own is None or value is None:
        return value is None or own is None
    if isinstance(own, (list, tuple)):
        return isinstance(value, (list, tuple)) and len(value) == len(own) and all(map(_alike, value, own))
    if isinstance(own, bool) or not isinstance(own, (int, float)):
        return type(value) is type(own)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _attribute(algorithm: Any, path: str) -> Any:
    found = algorithm
    for part in path.split("."):
        found = getattr(found, part)
    return found
