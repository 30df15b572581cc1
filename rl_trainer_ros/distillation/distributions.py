"""Distributions over actions: those of a policy, samples of them, and comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rl_trainer_ros.distillation import loss
from robot_interface_ros.config import ConfigError

CATEGORICAL, GAUSSIAN, SQUASHED = "categorical", "gaussian", "squashed_gaussian"
ARRAYS = {CATEGORICAL: ("probabilities",), GAUSSIAN: ("mean", "log_std"), SQUASHED: ("mean", "log_std")}
"""Kind -> its arrays, `(n, actions)` float32 each. Of a squashed Gaussian those before tanh."""
DETERMINISTIC_STD = 0.1
"""Standard deviation of policies that have none of their own (td3, ddpg)."""
_MOST = 0.995  # larger means are cut to it: arctanh(1) is infinite
_LOG_STD = (-4.0, 0.0)  # limits of a standard deviation that was carried through tanh

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Actions:
    """The distributions of actions for n observations."""

    kind: str
    """CATEGORICAL, GAUSSIAN or SQUASHED."""
    arrays: Arrays
    """As ARRAYS says."""

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def best(self) -> NDArray[Any]:
        """Return the most likely actions: `(n,)` int64, or `(n, d)` float32."""
        if self.kind == CATEGORICAL:
            return np.asarray(self.arrays["probabilities"].argmax(axis=-1))
        mean = self.arrays["mean"]
        return np.asarray(np.tanh(mean) if self.kind == SQUASHED else np.clip(mean, -1.0, 1.0))

    def sample(self, generator: np.random.Generator, temperature: float = 1.0) -> NDArray[Any]:
        """Return actions sampled at a temperature, `(n,)` int64 or `(n, d)` float32, as `best`."""
        if self.kind == CATEGORICAL:
            p = loss.with_temperature(torch.as_tensor(self.arrays["probabilities"]).double(), temperature).numpy()
            below = p.cumsum(axis=-1) < generator.random((len(p), 1))
            return np.asarray(np.minimum(below.sum(axis=-1), p.shape[-1] - 1))
        std = np.exp(self.arrays["log_std"]) * np.sqrt(temperature)
        values: NDArray[Any] = self.arrays["mean"] + std * generator.standard_normal(std.shape)
        values = np.tanh(values) if self.kind == SQUASHED else np.clip(values, -1.0, 1.0)
        return np.asarray(values, np.float32)

    def as_kind(self, kind: str) -> Actions:
        """Return a Gaussian as a squashed one or the other way round; first order around the mean. Raises ConfigError."""
        if kind == self.kind:
            return self
        if CATEGORICAL in (kind, self.kind):
            raise ConfigError(f"a {self.kind} teacher and a {kind} student have other action spaces")
        mean, std = self.arrays["mean"], np.exp(self.arrays["log_std"])
        if kind == SQUASHED:
            inside = np.clip(mean, -_MOST, _MOST)
            mean, std = np.arctanh(inside), std / (1.0 - inside**2)
        else:
            mean = np.tanh(mean)
            std = std * (1.0 - mean**2)
        log_std = np.clip(np.log(np.maximum(std, 1e-12)), *_LOG_STD)
        return Actions(kind, {"mean": mean.astype(np.float32), "log_std": log_std.astype(np.float32)})


def of_policy(algorithm: Any, observations: Any) -> Actions:
    """Return the distributions of actions of a stable-baselines3 algorithm for normalised observations `(n, ...)`.

    Values of actions (dqn, qrdqn) are taken as logits, after Rusu et al., 2016. Raises ConfigError for a policy without a
    distribution.
    """
    policy = algorithm.policy
    policy.set_training_mode(False)
    with torch.no_grad():
        tensor, _ = policy.obs_to_tensor(observations)
        kind, parts = parameters_of(algorithm, tensor)
        if kind == CATEGORICAL:
            parts = (torch.softmax(parts[0], dim=-1),)
    return Actions(kind, {name: part.cpu().numpy() for name, part in zip(ARRAYS[kind], parts)})


def parameters_of(algorithm: Any, observations: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the kind of a policy's distribution and its parameters as tensors with gradients: logits, or mean and log_std."""
    policy = algorithm.policy
    actor: Any = getattr(policy, "actor", None)
    if hasattr(policy, "lstm_actor"):
        raise ConfigError("a recurrent policy cannot be distilled: its actions depend on more than one observation")
    if hasattr(policy, "get_distribution"):
        distribution = policy.get_distribution(observations).distribution
        if hasattr(distribution, "logits"):
            return CATEGORICAL, (distribution.logits,)
        return GAUSSIAN, (distribution.mean, distribution.stddev.log())
    if hasattr(policy, "quantile_net"):
        return CATEGORICAL, (policy.quantile_net(observations).mean(dim=1),)
    if hasattr(policy, "q_net"):
        return CATEGORICAL, (policy.q_net(observations),)
    if hasattr(actor, "get_action_dist_params"):
        mean, log_std, _ = actor.get_action_dist_params(observations)
        return SQUASHED, (mean, log_std)
    if actor is not None:
        mean = actor(observations)
        return GAUSSIAN, (mean, torch.full_like(mean, float(np.log(DETERMINISTIC_STD))))
    raise ConfigError(
        f"a {type(algorithm).__name__} has no distribution of actions to learn from; teachers are models of ppo, a2c, trpo, "
        "dqn, qrdqn, sac, tqc, crossq, td3 and ddpg"
    )


def divergence(teacher: Actions, kind: str, student: tuple[Any, ...], temperature: float) -> Any:
    """Return KL(teacher at a temperature || student), `(n,)`; `student`: of `parameters_of`, of the same kind."""
    parts = [torch.as_tensor(teacher.arrays[name]) for name in ARRAYS[kind]]
    if kind == CATEGORICAL:
        return loss.categorical_kl(loss.with_temperature(parts[0], temperature), student[0])
    return loss.gaussian_kl(parts[0], loss.widened(parts[1], temperature), *student)


def likeness(teacher: Actions, student: Actions) -> float:
    """Return how alike two are: the share of equal best actions, or the mean distance of best actions over all axes."""
    mine, its = teacher.best(), student.best()
    if teacher.kind == CATEGORICAL:
        return float(np.mean(mine == its))
    return float(np.mean(np.abs(mine - its)))
