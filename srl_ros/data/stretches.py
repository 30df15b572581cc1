"""The steps of a dataset that follow each other. Other formats call them an episode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from srl_ros.data.bag_dataset import BagDataset


class Stretch(NamedTuple):
    """Steps of one episode that follow each other without a gap."""

    rows: NDArray[np.int64]
    """Of the dataset, in the order of time."""
    terminated: bool
    """Whether the task ended the episode with the last of them."""


def stretches(dataset: BagDataset) -> Iterator[Stretch]:
    """Yield all steps as stretches; where steps were left out of an episode it falls into several."""
    rows, first = np.arange(len(dataset)), 0
    terminated = dataset.column("terminated")
    for part in dataset.parts:
        before, after, episode = (part.arrays[name] for name in ("before", "after", "episode"))
        own = rows[first : first + len(part)]
        first += len(part)
        cut = np.flatnonzero((before[1:] != after[:-1]) | (episode[1:] != episode[:-1])) + 1
        for piece in np.split(own, cut):
            yield Stretch(piece, terminated is not None and bool(terminated[piece[-1]] > 0.5))
