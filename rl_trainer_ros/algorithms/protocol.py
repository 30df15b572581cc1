"""The interface of a learner for training, checkpoints and evaluation, independent of its library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple, Protocol

from gymnasium import spaces


class LearnedParts(NamedTuple):
    """The objects with the learned weights, by name."""

    modules: Mapping[str, Any]
    """torch modules and optimisers; each has `state_dict` and `load_state_dict`."""
    variables: Mapping[str, Any]
    """Single tensors, such as an entropy coefficient."""


class Actor(Protocol):
    """Computes actions from observations."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """Return actions for one observation or a batch, and the policy's memory for the next call (None without memory)."""


class Learner(Actor, Protocol):
    """Learns in a vectorised environment. It can be saved and restored between two rollouts.

    `sb3_learner.Sb3Learner` adapts algorithms with stable-baselines3's interface. Counters and states of generators are saved
    as JSON, learned weights as tensors.
    """

    @property
    def algorithm(self) -> Any:
        """The library's object, for its callbacks."""

    @property
    def env(self) -> Any:
        """The stable-baselines3 VecEnv that it acts in."""

    @property
    def n_envs(self) -> int:
        """Number of robots."""

    @property
    def observation_space(self) -> spaces.Space[Any]:
        """Space of its observations; the channels of an image come first."""

    @property
    def action_space(self) -> spaces.Space[Any]:
        """Space of its actions."""

    @property
    def num_timesteps(self) -> int:
        """Environment steps so far, of all robots together."""

    @property
    def rollout_steps(self) -> int:
        """Steps of all robots together between two updates; 1 if a training can end after any step."""

    @property
    def replay_buffer(self) -> Any:
        """The replay buffer; None if the algorithm has none."""

    def learn(self, steps: int, callback: Any, *, anew: bool) -> None:
        """Learn for `steps` more steps. `anew`: counters start at 0; otherwise they continue."""

    def advance(self, steps: int, updates: int) -> None:
        """Count steps that were learned from by other means than `learn`."""

    def complete(self) -> None:
        """Take in an update that is still being computed, if the algorithm computes it beside the robots."""

    def set_logger(self, logger: Any) -> None:
        """Set the library's logger."""

    def close(self) -> None:
        """Close the logger, and end a process of the algorithm."""

    def parts(self) -> LearnedParts:
        """Return the objects that a checkpoint saves."""

    def parts_changed(self) -> None:
        """Update everything that depends on `parts`, after these were loaded."""

    def counters(self) -> dict[str, Any]:
        """Return the counters of schedules, target networks and exploration, and the last episodes, as JSON."""

    def restore_counters(self, counts: Mapping[str, Any]) -> None:
        """Restore the values that `counters` returned."""

    def begin_episodes(self) -> None:
        """Reset every robot, and all values that last for an episode."""

    def begin_restored_episodes(self) -> None:
        """Do the same after generators were restored: they are not seeded again, and `learn` starts with these episodes."""

    def explore_anew(self) -> None:
        """Sample new state-dependent exploration noise (gSDE), as at the start of each rollout."""

    def save(self, stream: BinaryIO) -> None:
        """Write the model in the library's format."""
