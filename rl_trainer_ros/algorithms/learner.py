"""Make an algorithm for an environment, and check that both fit together before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.vec_env import VecTransposeImage

from rl_trainer_ros.algorithms.hyperparameters import constructor_arguments
from rl_trainer_ros.algorithms.image_replay import image_memory
from rl_trainer_ros.algorithms.registry import ALGORITHMS, CONTINUOUS, DISCRETE, Algorithm, algorithm, check_kind
from rl_trainer_ros.algorithms.torch_compiler import leave_out_compiler
from robot_interface_ros.config import ConfigError, unknown_name
from robot_interface_ros.files.untrusted_files import one_line

_UNSEEN = {"cnn": ("vector", "goal"), "multi_input": ("vector", "pixels"), "mlp": ("goal",), "linear": ("goal",)}
"""Kinds of observation that a policy network does not support."""


def make_learner(
    name: str,
    env: Any,
    settings: Mapping[str, Any],
    *,
    policy: str = "",
    seed: int | None = None,
    device: str = "cpu",
) -> Any:
    """Return the algorithm for a stable-baselines3 VecEnv, with `settings` as `hyperparameters` returns them.

    `policy`: a name from the algorithm's row; empty: the one that suits the observation. Raises ConfigError, in one line.
    """
    row = algorithm(name)
    check_actions(name, env.action_space)
    if settings.get("her") and not isinstance(env.observation_space, spaces.Dict):
        raise ConfigError(
            f"hyperparameters of {name}: her needs a goal-conditioned observation: goal_conditioned:=true"
        )
    if env.num_envs > 1 and "episode" in np.atleast_1d(settings.get("train_freq", 1)).tolist():
        raise ConfigError(f"hyperparameters of {name}: train_freq by episodes needs num_envs:=1; use steps, such as 4")
    network = policy_name(name, env.observation_space, policy)
    actions = int(np.prod(env.action_space.shape)) if isinstance(env.action_space, spaces.Box) else 1
    kind = row.load_class()
    rollouts = issubclass(kind, OnPolicyAlgorithm)
    arguments = constructor_arguments(settings, actions, env.num_envs, rollouts)
    if "buffer_size" in arguments:
        stored = getattr(kind, "images_per_transition", 2)
        check_memory(name, env.observation_space, arguments["buffer_size"], stored)
    leave_out_compiler()
    try:
        learner = kind(network, env, seed=seed, device=device, **arguments)
    except Exception as error:  # learners report bad settings in many ways: assertions, errors of torch and NumPy
        raise ConfigError(f"algo {name} refuses its settings: {one_line(error)}") from error
    optimise_together(getattr(learner.policy, "optimizer", None))
    return learner


def optimise_together(optimizer: Any) -> None:
    """Let Adam change all parameters in one call per operation, instead of one call per parameter.

    The results are equal bit for bit; `fused`, which is faster still, rounds otherwise.
    """
    if type(optimizer) is torch.optim.Adam:
        for group in optimizer.param_groups:
            group["foreach"] = True


def check_memory(name: str, space: spaces.Space[Any], buffer_size: int, stored: int) -> None:
    """Raise ConfigError, with a size that fits, if a replay buffer of images is larger than the free memory.

    `stored`: number of images that it stores for each transition.
    """
    memory = image_memory(space, buffer_size, stored)
    if memory is None or memory.needed <= memory.available:
        return
    fits = max(1, int(buffer_size * 0.8 * memory.available / memory.needed))
    raise ConfigError(
        f"hyperparameters of {name}: buffer_size {buffer_size:,} images take {memory.needed / 1e9:.1f} GB, and this machine "
        f"has {memory.available / 1e9:.1f} GB free; use hyperparameters.buffer_size:={fits}, smaller images or fewer cameras"
    )


def check_actions(name: str, space: spaces.Space[Any]) -> None:
    """Raise ConfigError, with a list of suitable algorithms, if the algorithm does not support this action space."""
    check_kind(name, action_kind(space))


def action_kind(space: spaces.Space[Any]) -> str:
    """Return CONTINUOUS or DISCRETE."""
    return DISCRETE if isinstance(space, spaces.Discrete) else CONTINUOUS


def observation_kind(space: spaces.Space[Any]) -> str:
    """Return the kind of an observation space: vector, pixels or goal, like the sections of hyper-parameters."""
    if isinstance(space, spaces.Dict):
        return "goal"
    return "pixels" if is_image_space(space) else "vector"


def learner_space(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """Return the learner's observation space for an environment's: the channels of an image come first."""
    if observation_kind(space) == "pixels" and not is_image_space_channels_first(space):  # type: ignore[arg-type]
        return VecTransposeImage.transpose_space(space)  # type: ignore[arg-type]
    return space


def policy_name(name: str, space: spaces.Space[Any], policy: str = "") -> str:
    """Return the class's name of a policy network. Raises ConfigError if the algorithm has none for this observation."""
    row: Algorithm = algorithm(name)
    if policy and policy not in row.policies:
        raise ConfigError(f"algo {name}: {unknown_name('policy', policy, row.policies)}")
    kind, asked = observation_kind(space), policy.removeprefix("recurrent_")
    if kind in _UNSEEN.get(asked, ()):
        raise ConfigError(f"policy {policy} does not support {kind} observations; leave it out to use a suitable one")
    if policy or (len(row.policies) == 1 and "random" in row.policies):
        return row.policies[policy or "random"]
    wanted = {"vector": ("mlp", "recurrent"), "pixels": ("cnn", "recurrent_cnn")}.get(
        observation_kind(space), ("multi_input", "recurrent_multi_input")
    )
    fitting = [entry for entry in wanted if entry in row.policies]
    if not fitting:
        others = [other for other, entry in ALGORITHMS.usable() if set(wanted) & set(entry.policies)]
        kind = observation_kind(space)
        raise ConfigError(f"algo {name} has no policy for {kind} observations; use {', '.join(others)}")
    return row.policies[fitting[0]]
