"""A source of transitions whose truth comes from rewards and hands, for losses that learn a place without the simulator's."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from srl_ros.config import TrainingConfig
from srl_ros.reward_places import reward_places
from srl_ros.training.batches import gathered
from srl_ros.training.learner import learns_from_rewards
from srl_ros.transitions import DatasetError, Transitions, TransitionSource

Rows = NDArray[np.int64]


class RewardLabels:
    """The transitions of another source, whose ground truth is the place of `srl_ros.reward_places`. See TransitionSource."""

    def __init__(self, source: TransitionSource, config: TrainingConfig):
        """Raises DatasetError, one line, if no episode has a place."""
        parts = gathered(source, np.arange(len(source)), ("hand", "next_hand", "reward"))
        hand, next_hand, reward = (parts[name].astype(np.float64) for name in ("hand", "next_hand", "reward"))
        law = config.reward_law, config.reward_scale, config.reward_bonus
        self._place, self.known = reward_places(hand, next_hand, reward, source.episodes, *law)
        self._source, self.truth_names = source, config.truth_names
        self.cameras, self.image_shape, self.episodes = source.cameras, source.image_shape, source.episodes
        self.discrete_actions = source.discrete_actions
        self.has = (source.has - {"next_ground_truth"}) | {"ground_truth"}

    def __len__(self) -> int:
        return len(self._source)

    def gather(self, indices: NDArray[np.int64]) -> Transitions:
        """See TransitionSource."""
        found = self._source.gather(indices)
        return dataclasses.replace(found, ground_truth=self._place[indices], next_ground_truth=None)

    def digest(self) -> str:
        """See TransitionSource."""
        return self._source.digest()


def labelled(
    source: TransitionSource, config: TrainingConfig, training: Rows, validation: Rows
) -> tuple[TransitionSource, tuple[Rows, Rows]]:
    """Return the data set and its rows for training and validation: those given, unless places come from rewards.

    Then they are the rows whose place is known. Raises DatasetError, one line, if either part has none.
    """
    if not learns_from_rewards(config):
        return source, (training, validation)
    found = RewardLabels(source, config)
    rows = training[found.known[training]], validation[found.known[validation]]
    if min(map(len, rows)) == 0:
        raise DatasetError(
            f"reward_place found the target in {found.known.sum():,} of {len(source):,} images, too few to learn from; "
            "record more episodes"
        )
    return found, rows
