"""The state of every generator that a training draws from, as JSON."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def of(algorithm: Any) -> dict[str, Any]:
    """Return the states: Python's, NumPy's and torch's own, the action space's, and each environment's."""
    version, words, gauss = random.getstate()
    numpy_state: Any = np.random.get_state(legacy=False)
    return {
        "python": [version, list(words), gauss],
        "numpy": {
            **numpy_state,
            "state": {"key": numpy_state["state"]["key"].tolist(), "pos": numpy_state["state"]["pos"]},
        },
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
        "action_space": algorithm.action_space.np_random.bit_generator.state,
        "environments": algorithm.env.env_method("random_state"),
    }


def restore(algorithm: Any, states: dict[str, Any]) -> None:
    """Put every generator back. Raises KeyError, TypeError or ValueError for what `of` did not return."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    numpy_state = dict(states["numpy"])
    numpy_state["state"] = {**numpy_state["state"], "key": np.array(numpy_state["state"]["key"], np.uint32)}
    np.random.set_state(numpy_state)
    torch.set_rng_state(torch.frombuffer(bytearray.fromhex(states["torch"]), dtype=torch.uint8))
    algorithm.action_space.np_random.bit_generator.state = states["action_space"]
    for index, state in enumerate(states["environments"]):
        algorithm.env.env_method("set_random_state", state, indices=[index])
