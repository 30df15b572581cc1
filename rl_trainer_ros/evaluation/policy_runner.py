"""Run a learned policy for one robot, without exploration. The policy's memory is cleared at the start of an episode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.algorithms.protocol import Actor


class PolicyRunner:
    """`act(observation, environment)` of an evaluation, for policies with and without memory (LSTM)."""

    def __init__(self, actor: Actor, normalise: Callable[[Any], Any]):
        """`normalise`: converts one observation of the environment to the learner's normalised form."""
        self._actor, self._normalise = actor, normalise
        self.seen: Any = None
        """The last observation, normalised."""
        self.begin()

    def begin(self) -> None:
        """Clear the memory at the start of an episode."""
        self._memory: Any = None
        self._first = np.ones(1, dtype=bool)

    @property
    def remembers(self) -> bool:
        """Whether the policy has a memory, known after its first action."""
        return self._memory is not None

    def __call__(self, observation: Any, environment: Any = None) -> NDArray[Any]:
        """Return the deterministic action for one observation, an array or a dictionary of arrays."""
        self.seen = self._normalise(observation)
        action, self._memory = self._actor.predict(
            self.seen, state=self._memory, episode_start=self._first, deterministic=True
        )
        self._first = np.zeros(1, dtype=bool)
        return np.asarray(action)
