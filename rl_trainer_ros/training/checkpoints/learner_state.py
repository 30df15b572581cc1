"""The state of a learner beside its networks, as JSON.

That is the state of every random generator that a training draws from, and the counts by which schedules, target networks
and exploration go.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from rl_trainer_ros.training.checkpoints.errors import ModelError
from robot_interface_ros.files import checked_values as check
from robot_interface_ros.files.untrusted_files import one_line

_MERSENNE_WORDS = 624
_COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_episode_num",
    "_n_calls",
    "_current_progress_remaining",
    "exploration_rate",
)
_EPISODES, _SUCCESSES = "ep_info_buffer", "ep_success_buffer"


def random_states(algorithm: Any) -> dict[str, Any]:
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


@contextmanager
def kept_random_states() -> Iterator[None]:
    """Leave Python's, NumPy's and torch's own generators as they were, whatever is drawn meanwhile."""
    python, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_state)


def checked_random_states(content: Any, where: str) -> dict[str, Any]:
    """Return `content` where generators of each kind take them. Raises FileError, one line, where one does not."""
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
        raise check.FileError(f"{where}: {name} is no generator's state: {one_line(error)}") from None
    return states


def restore_random_states(algorithm: Any, states: dict[str, Any]) -> None:
    """Put every generator back; `states` are checked. Raises ModelError where they are of another number of robots."""
    if len(states["environments"]) != algorithm.n_envs:
        raise ModelError(f"random states of {len(states['environments'])} robots do not fit {algorithm.n_envs}")
    random.setstate(_python(states["python"]))
    np.random.set_state(_numpy(states["numpy"]))
    torch.set_rng_state(_torch(states["torch"]))
    algorithm.action_space.np_random.bit_generator.state = states["action_space"]
    for index, state in enumerate(states["environments"]):
        algorithm.env.env_method("set_random_state", state, indices=[index])


def _python(state: Any) -> Any:
    version, words, gauss = state
    return version, tuple(words), gauss


def _numpy(state: Any) -> dict[str, Any]:
    return {**state, "state": {**state["state"], "key": np.array(state["state"]["key"], np.uint32)}}


def _torch(state: Any) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(state), dtype=torch.uint8)


def counters(algorithm: Any) -> dict[str, Any]:
    """Return the counts that this algorithm has, and its last episodes, which its log averages."""
    counts = {name: _plain(getattr(algorithm, name)) for name in _COUNTERS if hasattr(algorithm, name)}
    counts[_EPISODES] = [{key: _plain(value) for key, value in row.items()} for row in algorithm.ep_info_buffer or ()]
    counts[_SUCCESSES] = [_plain(value) for value in algorithm.ep_success_buffer or ()]
    return counts


def restore_counters(algorithm: Any, counts: dict[str, Any]) -> None:
    """Put back what `counters` returned."""
    for name in _COUNTERS:
        if name in counts and hasattr(algorithm, name):
            setattr(algorithm, name, counts[name])
    window = algorithm._stats_window_size
    algorithm.ep_info_buffer = deque(counts[_EPISODES], maxlen=window)
    algorithm.ep_success_buffer = deque(counts[_SUCCESSES], maxlen=window)


def _plain(value: Any) -> Any:
    """A number of NumPy's as Python's."""
    return value.item() if hasattr(value, "item") else value
