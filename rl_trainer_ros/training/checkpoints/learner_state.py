"""The states of all random generators of a training, as JSON."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.training.checkpoints.errors import ModelError
from robot_interface_ros.files import checked_values as check
from robot_interface_ros.files.untrusted_files import one_line

_MERSENNE_WORDS = 624


def random_states(learner: Learner) -> dict[str, Any]:
    """Return the states of the generators of Python, NumPy, torch, the action space, and each environment."""
    version, words, gauss = random.getstate()
    numpy_state: Any = np.random.get_state(legacy=False)
    return {
        "python": [version, list(words), gauss],
        "numpy": {
            **numpy_state,
            "state": {"key": numpy_state["state"]["key"].tolist(), "pos": numpy_state["state"]["pos"]},
        },
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
        "action_space": learner.action_space.np_random.bit_generator.state,
        "environments": learner.env.env_method("random_state"),
    }


@contextmanager
def kept_random_states() -> Iterator[None]:
    """Restore the global generators of Python, NumPy and torch afterwards."""
    python, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_state)


def checked_random_states(content: Any, where: str) -> dict[str, Any]:
    """Return `content` if all states are valid. Raises FileError, in one line, if one is not."""
    states = check.mapping(content, where)
    lacks = [name for name in ("python", "numpy", "torch", "action_space", "environments") if name not in states]
    if lacks:
        raise check.FileError(f"{where} lacks {', '.join(lacks)}")
    name = ""
    try:
        name = "python"
        random.Random().setstate(_python(states[name]))
        if states[name][2] is not None:
            check.number(states[name][2], f"{where}: {name}")
        name = "numpy"
        check.number(states[name]["gauss"], f"{where}: {name}: gauss")
        check.whole(states[name]["has_gauss"], f"{where}: {name}: has_gauss", 0, 1)
        check.whole(states[name]["state"]["pos"], f"{where}: {name}: pos", 0, _MERSENNE_WORDS)
        check.listed(states[name]["state"]["key"], f"{where}: {name}: key", _MERSENNE_WORDS)
        np.random.RandomState().set_state(_numpy(states[name]))
        name = "torch"
        torch.Generator().set_state(_torch(states[name]))
        name = "action_space"
        np.random.PCG64().state = states[name]
        name = "environments"
        for state in check.listed(states[name], f"{where}: {name}"):
            np.random.PCG64().state = state
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError, RuntimeError) as error:
        if isinstance(error, check.FileError):
            raise
        raise check.FileError(f"{where}: {name} is not a generator's state: {one_line(error)}") from None
    return states


def restore_random_states(learner: Learner, states: dict[str, Any]) -> None:
    """Restore all generators; `states`: checked. Raises ModelError if the number of robots differs."""
    if len(states["environments"]) != learner.n_envs:
        raise ModelError(f"random states of {len(states['environments'])} robots do not fit {learner.n_envs}")
    random.setstate(_python(states["python"]))
    np.random.set_state(_numpy(states["numpy"]))
    torch.set_rng_state(_torch(states["torch"]))
    learner.action_space.np_random.bit_generator.state = states["action_space"]
    for index, state in enumerate(states["environments"]):
        learner.env.env_method("set_random_state", state, indices=[index])


def _python(state: Any) -> Any:
    version, words, gauss = state
    return version, tuple(words), gauss


def _numpy(state: Any) -> dict[str, Any]:
    return {**state, "state": {**state["state"], "key": np.array(state["state"]["key"], np.uint32)}}


def _torch(state: Any) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(state), dtype=torch.uint8)
