"""Learning algorithms by name: class, kinds of actions, policy networks, file of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any

from robot_interface_ros.config import ConfigError, unknown_name
from robot_interface_ros.registry import Registry

CONTINUOUS, DISCRETE = "continuous", "discrete"
BOTH = (CONTINUOUS, DISCRETE)

_POLICIES = MappingProxyType({"mlp": "MlpPolicy", "cnn": "CnnPolicy", "multi_input": "MultiInputPolicy"})
_RECURRENT = MappingProxyType(
    {"recurrent": "MlpLstmPolicy", "recurrent_cnn": "CnnLstmPolicy", "recurrent_multi_input": "MultiInputLstmPolicy"}
)
_VECTOR = MappingProxyType({"mlp": "MlpPolicy", "linear": "LinearPolicy"})


@dataclass(frozen=True)
class Algorithm:
    """One algorithm. Its class is imported only when it is used, because that takes seconds."""

    source: str
    """`module:class`; the class has stable-baselines3's interface (`learn`, `predict`, `save`, `load`)."""
    actions: tuple[str, ...]
    """Kinds of actions that it supports: CONTINUOUS, DISCRETE or both."""
    policies: Mapping[str, str] = field(default_factory=lambda: _POLICIES)
    """Name of a policy network in this package -> its name in the class."""
    replay: bool = False
    """Whether it learns from a replay buffer, and so can replace goals (HER)."""
    description: str = ""
    settings: str = ""
    """Path of its file of hyper-parameters; empty: `config/algorithms/<name>.yaml` of this package."""

    def load_class(self) -> Any:
        """Import and return the class. Raises ConfigError, in one line, if that fails."""
        module, _, name = self.source.partition(":")
        try:
            return getattr(import_module(module), name)
        except (Exception, SystemExit) as error:  # another package may fail in any way
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(f"algorithm {self.source}: {reason}") from error


def _check(row: Any) -> None:
    if not isinstance(row, Algorithm):
        raise TypeError(f"is {row!r}; expected a {__name__}.Algorithm")


_SB3, _CONTRIB, _OURS = "stable_baselines3", "sb3_contrib", "rl_trainer_ros.algorithms"

ALGORITHMS: Registry[Algorithm] = Registry(
    "algo",
    {
        "ppo": Algorithm(f"{_OURS}.late_ppo:PPO", BOTH, description="proximal policy optimisation; the default"),
        "a2c": Algorithm(f"{_SB3}:A2C", BOTH, description="advantage actor-critic"),
        "trpo": Algorithm(f"{_CONTRIB}:TRPO", BOTH, description="trust region policy optimisation"),
        "recurrent_ppo": Algorithm(
            f"{_CONTRIB}:RecurrentPPO", BOTH, _RECURRENT, description="PPO with an LSTM, for tasks that need memory"
        ),
        "dqn": Algorithm(f"{_SB3}:DQN", (DISCRETE,), replay=True, description="deep Q-network"),
        "qrdqn": Algorithm(f"{_CONTRIB}:QRDQN", (DISCRETE,), replay=True, description="DQN with quantile regression"),
        "sac": Algorithm(f"{_SB3}:SAC", (CONTINUOUS,), replay=True, description="soft actor-critic; needs few steps"),
        "tqc": Algorithm(f"{_CONTRIB}:TQC", (CONTINUOUS,), replay=True, description="SAC with truncated quantiles"),
        "crossq": Algorithm(
            f"{_CONTRIB}:CrossQ",
            (CONTINUOUS,),
            MappingProxyType({"mlp": "MlpPolicy"}),
            replay=True,
            description="SAC without target networks, with batch normalisation",
        ),
        "drq": Algorithm(
            f"{_OURS}.drq:DrQ",
            (CONTINUOUS,),
            MappingProxyType({"cnn": "CnnPolicy"}),
            replay=True,
            description="SAC from pixels, with shifted images and one encoder (DrQ)",
        ),
        "td3": Algorithm(f"{_SB3}:TD3", (CONTINUOUS,), replay=True, description="twin delayed DDPG"),
        "ddpg": Algorithm(f"{_SB3}:DDPG", (CONTINUOUS,), replay=True, description="deep deterministic policy gradient"),
        "ars": Algorithm(f"{_OURS}.population:AugmentedRandomSearch", BOTH, _VECTOR, description="random search"),
        "cma_es": Algorithm(f"{_OURS}.population:CmaEs", BOTH, _VECTOR, description="evolution strategy (package cma)"),
        "random": Algorithm(
            f"{_OURS}.random_agent:RandomAgent",
            BOTH,
            MappingProxyType({"random": "RandomPolicy"}),
            description="random actions, as a baseline for comparison",
        ),
    },
    "rl_trainer_ros.algorithms",
    _check,
)

REPLACED: Mapping[str, str] = MappingProxyType(
    {
        "acer": "has no maintained implementation; use ppo, or dqn for discrete actions",
        "acktr": "has no maintained implementation; use trpo or ppo",
        "ppo1": "was PPO over MPI; use ppo with num_envs:=N",
        "ppo2": "is called ppo",
        "deepq": "is called dqn",
        "cma-es": "is called cma_es",
        "random_agent": "is called random",
        "her": "is not an algorithm of its own: use sac, tqc, td3, ddpg or dqn with goal_conditioned:=true",
        "distillation": "is a command: rl_trainer distil teachers:=...",
    }
)
"""Names in the S-RL Toolbox of algorithms that have another name now, or no longer exist."""


def algorithm(name: str) -> Algorithm:
    """Return an algorithm by name. Raises ConfigError that lists the known ones, or names the replacement."""
    if name in REPLACED:
        raise ConfigError(f"algo {name} {REPLACED[name]}")
    if name not in ALGORITHMS:
        raise ConfigError(unknown_name("algo", name, ALGORITHMS))
    return ALGORITHMS[name]


def algorithm_class(name: str) -> Any:
    """Return the class of an algorithm by name. Raises ConfigError as `algorithm` does."""
    return algorithm(name).load_class()


def check_kind(name: str, kind: str) -> None:
    """Raise ConfigError, with a list of suitable algorithms, if the algorithm does not support this kind of actions."""
    if kind not in algorithm(name).actions:
        fitting = [other for other, row in ALGORITHMS.usable() if kind in row.actions]
        raise ConfigError(
            f"algo {name} does not support {kind} actions; use {', '.join(fitting)}, or choose another action"
        )
