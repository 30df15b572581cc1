"""Objectives by prior knowledge of states alone: robotic priors, episode, reward, sizes."""

from __future__ import annotations

import torch
from torch import Tensor

from srl_ros.losses import priors as losses
from srl_ros.objectives.base import Encoded, Objective, Setup, perceptron

_ALIKE = 0.1  # share of the pairs of a batch whose continuous actions count as the same: those closest to each other


class RoboticPriors(Objective):
    """The four robotic priors, each with weight 1, over all pairs of a batch."""

    needs = ("next_images", "action", "reward")

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.discrete = setup.discrete

    def forward(self, encoded: Encoded) -> Tensor:
        """Sum of temporal coherence, causality, proportionality and repeatability."""
        batch, state = encoded.batch, encoded.state
        change = encoded.next_state - state
        i, j = torch.triu_indices(len(state), len(state), offset=1, device=state.device)
        if self.discrete:
            same = batch.action_index[i] == batch.action_index[j]
        else:
            apart = (batch.action[i] - batch.action[j]).norm(dim=1)
            same = apart <= torch.quantile(apart, _ALIKE)
        other = same & (batch.reward_class[i] != batch.reward_class[j])
        total = losses.temporal_coherence(change) + losses.causality(state[i[other]], state[j[other]])
        i, j = i[same], j[same]
        total = total + losses.proportionality(change[i], change[j])
        return total + losses.repeatability(state[i], state[j], change[i], change[j])


class RewardPrior(Objective):
    """States correlate with the reward."""

    needs = ("reward",)

    def forward(self, encoded: Encoded) -> Tensor:
        """See losses.priors."""
        return losses.reward_prior(encoded.state, encoded.batch.reward)


class EpisodePrior(Objective):
    """A classifier learns to tell whether two states are of one episode; the states learn that it cannot."""

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.read = perceptron(2 * setup.dim, 1)

    def forward(self, encoded: Encoded) -> Tensor:
        """Cross-entropy over neighbours in the batch, whose order is random."""
        state, episode = losses.reversed_gradient(encoded.state), encoded.batch.episode
        order = episode.argsort(stable=True)  # neighbours of one episode, then any two: about as many of each
        first = torch.cat([order[:-1], torch.arange(len(state) - 1, device=state.device)])
        second = torch.cat([order[1:], torch.arange(1, len(state), device=state.device)])
        logits = self.read(torch.cat([state[first], state[second]], dim=1))[:, 0]
        return losses.same_episode(logits, (episode[first] == episode[second]).float())


class FewValues(Objective):
    """Few values of the state differ from 0."""

    def forward(self, encoded: Encoded) -> Tensor:
        """Mean |s|."""
        return losses.l1(encoded.state)


class SmallValues(Objective):
    """The values of the state are small."""

    def forward(self, encoded: Encoded) -> Tensor:
        """Mean s^2."""
        return losses.l2(encoded.state)
