"""Teachers and distillations of a second, and how they are killed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from short_trainings import train

from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.training.checkpoints import contents
from rl_trainer_ros.training.trainer_config import TrainerConfig

SMALL = "{n_steps: 64, batch_size: 64, n_epochs: 2, net_arch: [16]}"
DISCRETE = {"task": "circular", "action": "plane_discrete"}


def silent(line: str) -> None:
    """Report nothing."""


def teacher(folder: Path, **changes: Any) -> Path:
    """Train a policy of reach, or of `changes`, for 64 steps and return its run."""
    short = {"num_timesteps": 64, "hyperparameters": SMALL}
    config = TrainerConfig(transport="in_process", log_dir=str(folder), **{**short, **changes})
    return train(config).folder


def settings(folder: Path, teachers: str, **more: Any) -> DistilConfig:
    """Return settings of a distillation with few samples, of runs or data in `teachers`."""
    small = {"set_size": 160, "epochs": 4, "batch_size": 32, "num_envs": 1, "hyperparameters": "{net_arch: [16]}"}
    return DistilConfig(teachers=teachers, log_dir=str(folder), checkpoint_interval_s=0.0, **{**small, **more})


def assert_same(one: Path, other: Path) -> None:
    """The final models of two runs have the same bits."""
    a, b = (load_file(run / "final" / contents.PARAMETERS) for run in (one, other))
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    assert (one / "final" / contents.STATISTICS).read_text() == (other / "final" / contents.STATISTICS).read_text()


class Killed(BaseException):
    """Ends a distillation as a kill does."""


@contextmanager
def killed_in(owner: type, method: str, call: int, after: bool = False) -> Iterator[None]:
    """Kill the work inside of `with` in a call of a method, 1 for the first; `after`: when the call has done its work."""
    real, calls = getattr(owner, method), itertools.count(1)

    def dying(*arguments: Any, **more: Any) -> Any:
        last = next(calls) == call
        if last and not after:
            raise Killed
        result = real(*arguments, **more)
        if last:
            raise Killed
        return result

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, method, dying)
        with pytest.raises(Killed):
            yield
