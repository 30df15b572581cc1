"""A training loads no compiler, and learns the same without it."""

from __future__ import annotations

import subprocess
import sys

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
