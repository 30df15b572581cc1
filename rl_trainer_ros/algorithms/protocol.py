"""What training, checkpoints and evaluation need of a learner, whichever library it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple, Protocol

from gymnasium import spaces


class LearnedParts(NamedTuple):
    """The objects that hold what has been learned, by name."""

    modules: Mapping[str, Any]
    """torch modules and optimisers: each has `state_dict` and `load_state_dict`."""
    variables: Mapping[str, Any]
    """Single tensors, such as an entropy coefficient."""


class Actor(Protocol):
    """Acts on observations."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """Return actions, and the state that a policy with memory needs for its next ones; one observation, or a batch."""


class Learner(Actor, Protocol):
    """Learns in a vectorised environment, and can be saved and restored between two rollouts.

    `sb3_learner.Sb3Learner` fits every algorithm with stable-baselines3's interface to it. Counts and generators are saved as
    JSON, everything that is learned as tensors.
    """

    @property
    def algorithm(self) -> Any:
        """The library's own object, for its callbacks."""

    @property
    def env(self) -> Any:
        """The stable-baselines3 VecEnv that it acts in."""

    @property
    def n_envs(self) -> int:
        """Number of robots."""

    @property
    def observation_space(self) -> spaces.Space[Any]:
        """What it observes; the channels of an image come first."""

    @property
    def action_space(self) -> spaces.Space[Any]:
        """What it answers."""

    @property
    def num_timesteps(self) -> int:
        """Environment steps so far, of all robots together."""

    @property
    def rollout_steps(self) -> int:
        """Steps of all robots together between two updates; 1 where a training can end after any step."""

    @property
    def replay_buffer(self) -> Any:
        """What it learns from again; None where it has none."""

    def learn(self, steps: int, callback: Any, *, anew: bool) -> None:
        """Learn for `steps` more. `anew`: counts begin at 0; else they go on."""

    def set_logger(self, logger: Any) -> None:
        """Write the log there."""

    def close(self) -> None:
        """Close the log."""

    def parts(self) -> LearnedParts:
        """What a checkpoint holds."""

    def parts_changed(self) -> None:
        """Take over what was loaded into `parts`."""

    def counters(self) -> dict[str, Any]:
        """Return the counts by which schedules, target networks and exploration go, and the last episodes, as JSON."""

    def restore_counters(self, counts: Mapping[str, Any]) -> None:
        """Put back what `counters` returned."""

    def begin_episodes(self) -> None:
        """Reset every robot, and what is carried through an episode."""

    def begin_restored_episodes(self) -> None:
        """The same after generators were restored: they are not seeded anew, and `learn` begins with these episodes."""

    def explore_anew(self) -> None:
        """Sample new exploration noise, where it depends on the state (gSDE), as every rollout begins with."""

    def save(self, stream: BinaryIO) -> None:
        """Write the model in the library's own format."""
