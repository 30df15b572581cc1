"""A training loads no compiler, and learns the same without it."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import pytest
import torch

from rl_trainer_ros.algorithms.torch_compiler import leave_out_compiler

_PROGRAM = """
import sys
import gymnasium, torch
from stable_baselines3.common.vec_env import DummyVecEnv
from rl_trainer_ros.algorithms.learner import make_learner

def trained():
    found = []
    ppo, sac = dict(n_steps=16, batch_size=16, n_epochs=2), dict(learning_starts=10, batch_size=8)
    for name, settings in (("ppo", ppo), ("sac", sac)):
        env = DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")])
        learner = make_learner(name, env, settings, seed=0)
        learner.learn(16)
        found.append(torch.nn.utils.parameters_to_vector(learner.policy.parameters()))
    return found

torch.set_num_threads(1)
torchs_own = torch.optim.Adam.step
plain = trained()
assert "torch._dynamo" not in sys.modules
import torch._dynamo
torch.optim.Adam.step = torchs_own
again = trained()
print(all(map(torch.equal, plain, again)))
"""


def test_a_training_loads_no_compiler_and_learns_the_same() -> None:
    program = [sys.executable, "-W", "ignore", "-c", _PROGRAM]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=300)
    assert (ended.stdout.strip(), ended.returncode) == ("True", 0), ended.stderr


def test_a_wrapper_of_another_version_of_torch_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = torch.optim.SGD.step

    @functools.wraps(plain)
    def _use_grad(*args: Any, **kwargs: Any) -> Any:
        torch.cuda.nvtx.range_push("more than the known wrapper does")
        return plain(*args, **kwargs)

    def step(self: Any) -> None:
        """Not wrapped at all."""

    for name in [name for name in sys.modules if name == "torch._dynamo"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(torch.optim.SGD, "step", _use_grad)
    monkeypatch.setattr(torch.optim.Rprop, "step", step)
    leave_out_compiler()
    assert torch.optim.SGD.step is _use_grad and torch.optim.Rprop.step is step
