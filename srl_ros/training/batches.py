"""Transitions as tensors, normalised with the statistics of the training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srl_ros.config import TrainingConfig
from srl_ros.dataset import columns
from srl_ros.objectives.base import Batch
from srl_ros.transitions import Transitions, TransitionSource

SAMPLE = 2000  # images that colour statistics are taken from
_PART = 512  # transitions that are read at a time
_MOST_CLASSES = 10  # rewards of more distinct values are parted into three classes


@dataclass(frozen=True)
class DataFacts:
    """Facts about the data that a training needs at its start."""

    sample: NDArray[np.uint8]
    """(k, cameras, height, width, 3): at most 2000 images, evenly spaced."""
    action_dim: int
    discrete: bool
    reward_edges: NDArray[np.float64]
    """Borders of the classes of rewards, ascending; see `reward_edges`."""
    reward_range: tuple[float, float]
    truth_columns: tuple[int, ...]
    truth_mean: NDArray[np.float64]
    truth_std: NDArray[np.float64]

    @property
    def reward_classes(self) -> int:
        """Number of classes of rewards."""
        return len(self.reward_edges) + 1


def facts_of(
    source: TransitionSource, rows: NDArray[np.int64], config: TrainingConfig, needs: frozenset[str]
) -> DataFacts:
    """Return the facts of the training rows. Raises DatasetError for a name that the ground truth lacks."""
    sample = source.gather(rows[:: -(-len(rows) // SAMPLE)]).images
    chosen = columns(source.truth_names, config.truth_names) if "ground_truth" in needs else []
    parts = gathered(source, rows, ("reward", "ground_truth", "action"))
    reward = parts.get("reward", np.zeros(0))
    truth = parts["ground_truth"][:, chosen] if chosen else np.zeros((1, 0))
    width = parts["action"].shape[1] if "action" in parts and not source.discrete_actions else source.discrete_actions
    return DataFacts(
        sample=sample,
        action_dim=width,
        discrete=source.discrete_actions > 0,
        reward_edges=reward_edges(reward),
        reward_range=(float(reward.min()), float(reward.max())) if len(reward) else (0.0, 0.0),
        truth_columns=tuple(chosen),
        truth_mean=truth.mean(axis=0),
        truth_std=np.maximum(truth.std(axis=0), 1e-6),
    )


def reward_edges(reward: NDArray[Any]) -> NDArray[np.float64]:
    """Return the borders of the classes of rewards, `(classes - 1,)`.

    A class is one value where there are at most 10; otherwise a third of the data: low, middle, high.
    """
    values = np.unique(reward.astype(np.float64))
    if len(values) <= _MOST_CLASSES:
        return (values[1:] + values[:-1]) / 2.0
    return np.unique(np.quantile(reward.astype(np.float64), (1 / 3, 2 / 3)))


def gathered(source: TransitionSource, rows: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Return parts of all `rows` that are small, by name; those that the source lacks are left out."""
    there = [name for name in names if name in source.has]
    if not there or not len(rows):
        return {}
    parts = [source.gather(some) for some in np.array_split(rows, -(-len(rows) // _PART))]
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in there}


def to_batch(transitions: Transitions, facts: DataFacts, device: torch.device) -> Batch:
    """Return the batch on `device`."""
    empty = torch.zeros(0)

    def tensor(values: NDArray[Any] | None) -> Tensor:
        return empty if values is None else torch.from_numpy(np.array(values))

    action = tensor(transitions.action)
    index = empty
    if facts.discrete and transitions.action is not None:
        index = action.long()
        action = torch.nn.functional.one_hot(index, facts.action_dim)
    reward = np.zeros(0) if transitions.reward is None else transitions.reward
    truth = empty
    if transitions.ground_truth is not None and facts.truth_columns:
        truth = tensor((transitions.ground_truth[:, facts.truth_columns] - facts.truth_mean) / facts.truth_std)
    terminated = transitions.terminated
    if terminated is None:
        terminated = np.zeros(len(transitions), dtype=np.bool_)
    made = Batch(
        images=tensor(transitions.images),
        next_images=tensor(transitions.next_images),
        action=action.float(),
        action_index=index,
        action_probabilities=tensor(transitions.action_probabilities).float(),
        reward=tensor(reward).float(),
        reward_class=tensor(np.digitize(reward, facts.reward_edges)).long(),
        terminated=tensor(terminated).float(),
        episode=tensor(transitions.episode).long(),
        truth=truth.float(),
    )
    return Batch(*(part.to(device) for part in made))
