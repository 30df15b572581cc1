"""The numbers of a policy that are shown beside the robot: stream -> name -> number. A pure translation, for page and films."""

from __future__ import annotations

from typing import Any

import numpy as np

from rl_trainer_ros.algorithms.policy_numbers import distribution, value
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.evaluation.film_numbers import Row
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
from rl_trainer_ros.recording.episode_recorder import action_names
from rl_trainer_ros.recording.robot_messages import numbers_of
from robot_interface_ros.bags.layout import ACTION, ACTION_PROBABILITIES

VALUE, OBSERVATION = "value", "observation"
_MOST = 64
"""Longer observations, such as images, are not numbers to read."""
Streams = dict[str, dict[str, float]]
_TITLES = {
    ACTION: "action",
    ACTION_PROBABILITIES: "distribution of actions",
    VALUE: "value",
    OBSERVATION: "observation",
}


class PolicyStreams:
    """Of one policy in one environment."""

    def __init__(self, policy: Any, environment: RobotEnv, act: PolicyRunner):
        """`policy`: the network of an algorithm of stable-baselines3; `act`: acts with it."""
        self._policy, self._act = policy, act
        _, labels, self.discrete = action_names(environment)
        self._names, self._wanted = numbers_of(labels, self.discrete)

    def after(self, action: Any, observation: Any) -> Streams:
        """Return the numbers of the action that `act` has chosen for an observation."""
        streams = {ACTION: _named(self._names, action)}
        if not self._act.remembers:
            wanted = distribution(self._policy, self._act.seen)
            expected = value(self._policy, self._act.seen, action)
            if wanted is not None:
                streams[ACTION_PROBABILITIES] = _named(self._wanted, wanted)
            if expected is not None:
                streams[VALUE] = {VALUE: expected}
        parts = observation if isinstance(observation, dict) else {OBSERVATION: observation}
        seen = {
            f"{name}_{i}": float(at) for name, part in parts.items() for i, at in enumerate(np.ravel(part)[: _MOST + 1])
        }
        if len(seen) <= _MOST:
            streams[OBSERVATION] = seen
        return streams


def rows(streams: Streams) -> list[Row]:
    """Return the numbers as lines of a film. Probabilities have bars, means their standard deviations."""
    lines: list[Row] = []
    for name, title in _TITLES.items():
        numbers = streams.get(name, {})
        if not numbers:
            continue
        lines.append(Row(f"{title}:"))
        means = {label.removeprefix("mean_"): at for label, at in numbers.items() if label.startswith("mean_")}
        if name == ACTION_PROBABILITIES and means:
            lines += [Row(f"  {label}", f"{at:.3f} ± {numbers[f'std_{label}']:.3f}") for label, at in means.items()]
            continue
        bars = name == ACTION_PROBABILITIES
        lines += [Row(f"  {label}", f"{at:.3f}", at if bars else None) for label, at in numbers.items()]
    return lines


def _named(names: tuple[str, ...], values: Any) -> dict[str, float]:
    return dict(zip(names, np.ravel(np.asarray(values, dtype=np.float64)).tolist()))
