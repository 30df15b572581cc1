"""What a learner has learned: networks, optimisers and single variables of any algorithm with stable-baselines3's interface."""

from __future__ import annotations

from typing import Any

import torch

from rl_trainer_ros.checkpoints.errors import ModelError, one_line

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
        for entry, state in modules.items():
            _attribute(algorithm, entry).load_state_dict(state)
        for entry, value in tree[_VARIABLES].items():
            _attribute(algorithm, entry).data.copy_(value)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ModelError(
            f"{name} does not fit a {type(algorithm).__name__} of these settings: {one_line(error)}"
        ) from None
    if hasattr(algorithm, "weights"):  # of population-based search: the policy's, as one vector
        algorithm.weights = torch.nn.utils.parameters_to_vector(algorithm.policy.parameters()).detach().clone()


def _attribute(algorithm: Any, path: str) -> Any:
    found = algorithm
    for part in path.split("."):
        found = getattr(found, part)
    return found
