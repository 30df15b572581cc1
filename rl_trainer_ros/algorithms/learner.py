"""An algorithm made ready for an environment; what does not fit together is an error before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space

from rl_trainer_ros.algorithms.hyperparameters import constructor_arguments
from rl_trainer_ros.algorithms.registry import ALGORITHMS, CONTINUOUS, DISCRETE, Algorithm, algorithm
from robot_interface_ros.config import ConfigError, unknown_name


def make_learner(
    name: str,
    env: Any,
    settings: Mapping[str, Any],
    *,
    policy: str = "",
    seed: int | None = None,
    device: str = "cpu",
) -> Any:
    """Return the algorithm over a stable-baselines3 VecEnv, with `settings` as `hyperparameters` returns them.

    `policy`: a name of the algorithm's row; empty: the one that fits the observation. Raises ConfigError, one line.
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
    arguments = constructor_arguments(settings, actions, env.num_envs)
    try:
        return row.load_class()(network, env, seed=seed, device=device, **arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(f"algo {name} refuses its settings: {' '.join(str(error).split())}") from error


def check_actions(name: str, space: spaces.Space[Any]) -> None:
    """Raise ConfigError, naming the algorithms that do, unless the algorithm takes actions of this space."""
    kind = action_kind(space)
    if kind not in algorithm(name).actions:
        fitting = [other for other, row in ALGORITHMS.items() if kind in row.actions]
        raise ConfigError(f"algo {name} takes no {kind} actions; those that do: {', '.join(fitting)}")


def action_kind(space: spaces.Space[Any]) -> str:
    """Return CONTINUOUS or DISCRETE."""
    return DISCRETE if isinstance(space, spaces.Discrete) else CONTINUOUS


def observation_kind(space: spaces.Space[Any]) -> str:
    """Return the kind of an observation space, as sections of hyper-parameters are named: vector, pixels or goal."""
    if isinstance(space, spaces.Dict):
        return "goal"
    return "pixels" if is_image_space(space) else "vector"


def policy_name(name: str, space: spaces.Space[Any], policy: str = "") -> str:
    """Return the class's own name of a policy network; ConfigError when the algorithm has none for this observation."""
    row: Algorithm = algorithm(name)
    if policy and policy not in row.policies:
        raise ConfigError(f"algo {name}: {unknown_name('policy', policy, row.policies)}")
    if policy or (len(row.policies) == 1 and "random" in row.policies):
        return row.policies[policy or "random"]
    wanted = {"vector": ("mlp", "recurrent"), "pixels": ("cnn", "recurrent_cnn")}.get(
        observation_kind(space), ("multi_input", "recurrent_multi_input")
    )
    fitting = [entry for entry in wanted if entry in row.policies]
    if not fitting:
        others = [other for other, entry in ALGORITHMS.items() if set(wanted) & set(entry.policies)]
        kind = observation_kind(space)
        raise ConfigError(f"algo {name} has no policy for {kind} observations; those that do: {', '.join(others)}")
    return row.policies[fitting[0]]
