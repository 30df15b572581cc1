"""Transitions: two camera views of one robot with the action between them. Every encoder is trained on these.

A `TransitionSource` is anything that has transitions: a `Dataset` in memory, or recorded bags. A loss never asks where a
`Transitions` batch came from. The parts that a source lacks are None in its batches, and are not in its `has`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

OPTIONAL = (
    "next_images",
    "action",
    "action_probabilities",
    "reward",
    "terminated",
    "hand",
    "next_hand",
    "ground_truth",
    "next_ground_truth",
)
"""The parts of a batch that a source may lack."""
MIN_PART = 2
"""Least rows for training and for validation: losses and figures compare images with each other."""


class DatasetError(ValueError):
    """Images that cannot be learned from, or a file that holds none; one line with cause and remedy."""


@dataclass(frozen=True)
class Transitions:
    """`n` transitions. `cameras` images of one moment have one stamp, and one size.

    `images`: (n, cameras, height, width, 3) uint8 rgb, before the action. `episode`: (n,) int64, equal where two transitions
    are of one episode.
    """

    images: NDArray[np.uint8]
    episode: NDArray[np.int64]
    next_images: NDArray[np.uint8] | None = None
    """After the action; shape as `images`."""
    action: NDArray[np.float32] | NDArray[np.int64] | None = None
    """(n, k) float32 of a continuous action space, (n,) int64 of a discrete one."""
    action_probabilities: NDArray[np.float32] | None = None
    """(n, k): what a policy that knew the state wanted here: the probability of each discrete action, or the mean of each
    continuous one. It need not be the policy that chose `action`."""
    reward: NDArray[np.float32] | None = None
    """(n,): reward of the action."""
    terminated: NDArray[np.bool_] | None = None
    """(n,): whether the task ended the episode with this action."""
    hand: NDArray[np.float64] | None = None
    """(n, 3): where the hand is at the time of `images`, m, root frame, from the measured joints (forward kinematics). A robot
    knows it, so it is no ground truth."""
    next_hand: NDArray[np.float64] | None = None
    """(n, 3): at the time of `next_images`."""
    ground_truth: NDArray[np.float64] | None = None
    """(n, k): at the time of `images`; the columns are the source's `truth_names`."""
    next_ground_truth: NDArray[np.float64] | None = None
    """(n, k): at the time of `next_images`."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def has(self) -> frozenset[str]:
        """Names of the optional parts that are there."""
        return frozenset(name for name in OPTIONAL if getattr(self, name) is not None)

    def rows(self, indices: NDArray[np.int64] | slice) -> Transitions:
        """Return the transitions of `indices`."""
        parts = {name: getattr(self, name)[indices] for name in self.has}
        return Transitions(self.images[indices], self.episode[indices], **parts)


@runtime_checkable
class TransitionSource(Protocol):
    """Numbered transitions. Those of one episode are neighbours, in the order of time."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras, in the order of the images."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, 3) of each image."""

    @property
    def truth_names(self) -> tuple[str, ...]:
        """Names of the columns of the ground truth, such as target_x or hand_z; empty where there is none."""

    @property
    def discrete_actions(self) -> int:
        """Number of actions of a discrete action space; 0: actions are continuous, or there are none."""

    @property
    def has(self) -> frozenset[str]:
        """The optional parts that every batch has; see `OPTIONAL`."""

    @property
    def episodes(self) -> NDArray[np.int64]:
        """(len,) episode of each transition."""

    def __len__(self) -> int: ...

    def gather(self, indices: NDArray[np.int64]) -> Transitions:
        """Return the transitions of `indices`, in their order."""

    def digest(self) -> str:
        """sha256 in hexadecimal: equal where and only where all data are."""


def split_by_episode(
    episodes: NDArray[np.int64], share: float, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows for training and for validation, each in ascending order; `episodes`, `(n,)`: episode of each row.

    Whole episodes are held out, a share of `share` of them and at least one: images of one episode are nearly alike, so an
    image whose neighbours were trained on says little about unseen ones. Raises DatasetError for fewer than two episodes, and
    for a part of fewer than MIN_PART rows.
    """
    names, first = np.unique(episodes, return_index=True)
    if len(names) < 2:
        raise DatasetError(f"{len(names)} episode cannot be split into training and validation; record at least two")
    names = names[np.argsort(first)]
    held_out = min(max(1, round(share * len(names))), len(names) - 1)
    chosen = names[generator.permutation(len(names))[:held_out]]
    validation = np.isin(episodes, chosen)
    least = min(int(validation.sum()), int((~validation).sum()))
    if least < MIN_PART:
        raise DatasetError(
            f"{len(names)} episodes cannot be split into training and validation: one of the two would have {least} image; "
            "record more episodes, or longer ones"
        )
    return np.flatnonzero(~validation), np.flatnonzero(validation)
