"""The base class of objectives, and its inputs."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from srl_ros.config import TrainingConfig
from srl_ros.networks import StateNetwork


class Batch(NamedTuple):
    """Transitions as tensors on one device; a part that the data lacks is empty, and no objective that needs it is made."""

    images: Tensor
    """(n, cameras, height, width, 3) uint8"""
    next_images: Tensor
    action: Tensor
    """(n, k) float32: continuous actions, or discrete ones with a 1 at the one that was chosen."""
    action_index: Tensor
    """(n,) int64 of discrete actions."""
    action_probabilities: Tensor
    reward: Tensor
    reward_class: Tensor
    """(n,) int64; see `srl_ros.training.batches.reward_edges`."""
    terminated: Tensor
    """(n,) float32, 0 or 1."""
    episode: Tensor
    truth: Tensor
    """(n, k) in deviations from the mean: the columns `config.truth_names`."""


@dataclass(frozen=True)
class Setup:
    """The arguments from which an objective is made."""

    network: StateNetwork
    dim: int
    """Values of the state that the objective works on."""
    config: TrainingConfig
    sample: NDArray[np.uint8]
    """(k, cameras, height, width, 3): images that statistics are taken from."""
    action_dim: int = 0
    """Width of `Batch.action`."""
    discrete: bool = False
    reward_classes: int = 0
    reward_range: tuple[float, float] = (0.0, 0.0)

    @property
    def whole(self) -> bool:
        """Whether the objective works on the whole state."""
        return self.dim == self.network.state_dim


class States:
    """The states of a batch, computed when they are first asked for."""

    def __init__(self, network: StateNetwork, batch: Batch):
        self.network, self.batch = network, batch

    @cached_property
    def features(self) -> Tensor:
        """`(n, feature_dim)` of `images`."""
        return self.network.features(self.batch.images)

    @cached_property
    def state(self) -> Tensor:
        """`(n, state_dim)` of `images`, not standardised."""
        states: Tensor = self.network.head(self.features)
        return states

    @cached_property
    def next_state(self) -> Tensor:
        """`(n, state_dim)` of `next_images`, not standardised."""
        return self.network.raw(self.batch.next_images)


class Encoded:
    """A batch as one objective sees it: with its own values of the states, which all objectives share."""

    def __init__(self, states: States, begin: int = 0, end: int | None = None):
        self.states, self.values = states, slice(begin, end)
        self.network, self.batch = states.network, states.batch

    @property
    def features(self) -> Tensor:
        """`(n, feature_dim)` of `images`."""
        return self.states.features

    @property
    def state(self) -> Tensor:
        """`(n, dim)` of `images`: the objective's own values."""
        return self.states.state[:, self.values]

    @property
    def next_state(self) -> Tensor:
        """`(n, dim)` of `next_images`."""
        return self.states.next_state[:, self.values]

    def encode(self, images: Tensor, network: StateNetwork | None = None) -> Tensor:
        """`(n, dim)` of other images, by this network or another of the same shape."""
        return (network or self.network).raw(images)[:, self.values]


class Objective(nn.Module):
    """A loss with the networks that only training needs. Weights are drawn from torch's generator, which the caller has seeded.

    It does not keep the network of the state, which would then be trained, saved and counted twice.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """Parts of `Transitions` without which it cannot be."""
    cameras: ClassVar[int] = 1
    """Cameras that it needs at least."""
    from_rewards: ClassVar[bool] = False
    """Whether the truth that it learns is that of `srl_ros.reward_places`, in place of the data's ground truth."""
    trains: ClassVar[bool] = True
    """Whether it is learned by gradients; False: `fit` sets the network in one go."""

    def __init__(self, setup: Setup):
        super().__init__()

    def forward(self, encoded: Encoded) -> Tensor:
        """Scalar loss of a batch."""
        raise NotImplementedError

    def after_step(self, network: StateNetwork) -> None:
        """Called after each gradient step."""

    def set_scale(self, network: StateNetwork, truth_mean: Tensor, truth_std: Tensor) -> None:
        """Called after the training, when states are standardised; `truth_*`, `(k,)`: of the columns `config.truth_names`."""

    def draw(self, encoded: Encoded) -> Tensor | None:
        """Draw the images of `encoded` from their states, (n, cameras, height, width, 3) uint8; None: it does not draw."""
        return None

    def predict_reward_class(self, encoded: Encoded) -> Tensor | None:
        """The most likely class `(n,)` of each reward; None: it does not predict rewards."""
        return None


def perceptron(inputs: int, outputs: int, hidden: int = 64) -> nn.Sequential:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


class SlowCopy(nn.Module):
    """A copy of a network that follows it: after each step by `rate` of the way. He et al. 2020, "Momentum contrast"."""

    def __init__(self, network: StateNetwork, rate: float):
        super().__init__()
        self.network, self._rate = copy.deepcopy(network).requires_grad_(False), rate

    @torch.no_grad()
    def follow(self, network: StateNetwork) -> None:
        """Go after `network`."""
        for slow, fast in zip(self.network.parameters(), network.parameters()):
            slow.lerp_(fast, self._rate)
        for kept, new in zip(self.network.buffers(), network.buffers()):
            kept.copy_(new)
