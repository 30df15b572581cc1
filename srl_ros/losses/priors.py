"""Losses by prior knowledge of how the state of a robot changes.

The four robotic priors: Jonschkowski and Brock 2015, "Learning state representations with robotic priors", eq. 3 to 6.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def temporal_coherence(change: Tensor) -> Tensor:
    """E |ds|^2: states change slowly. `change` (n, d): next state minus state."""
    return change.pow(2).sum(dim=1).mean()


def causality(first: Tensor, second: Tensor) -> Tensor:
    """E exp(-|si - sj|^2) over pairs with the same action and different rewards: those states must differ."""
    return _mean(torch.exp(-(first - second).pow(2).sum(dim=1)))


def proportionality(first_change: Tensor, second_change: Tensor) -> Tensor:
    """E (|dsi| - |dsj|)^2 over pairs with the same action: it moves the state equally far."""
    return _mean((first_change.norm(dim=1) - second_change.norm(dim=1)).pow(2))


def repeatability(first: Tensor, second: Tensor, first_change: Tensor, second_change: Tensor) -> Tensor:
    """E exp(-|si - sj|^2) |dsi - dsj|^2 over pairs with the same action: alike in like states."""
    alike = torch.exp(-(first - second).pow(2).sum(dim=1))
    return _mean(alike * (first_change - second_change).pow(2).sum(dim=1))


def reward_prior(states: Tensor, reward: Tensor) -> Tensor:
    """Mean over dimensions of exp(-|correlation with the reward|). After the S-RL Toolbox, which takes the covariance."""
    a, b = states - states.mean(dim=0), reward - reward.mean()
    correlation = (a * b[:, None]).sum(dim=0) / (a.norm(dim=0) * b.norm() + 1e-6)
    return torch.exp(-correlation.abs()).mean()


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        return -gradients[0]


def reversed_gradient(values: Tensor) -> Tensor:
    """Return the same values with the opposite gradient. Ganin and Lempitsky 2015, "Unsupervised domain
    adaptation by backpropagation"."""
    result: Tensor = _Reversed.apply(values)  # type: ignore[no-untyped-call]
    return result


def same_episode(logits: Tensor, same: Tensor) -> Tensor:
    """Binary cross-entropy of whether two states are of one episode, `(n,)` each.

    The episode prior of the S-RL Toolbox: behind `reversed_gradient`, states must not tell which episode they are of.
    """
    return functional.binary_cross_entropy_with_logits(logits, same)


def l1(states: Tensor) -> Tensor:
    """Mean |s| of states `(n, d)`: few values of a state differ from 0."""
    return states.abs().mean()


def l2(states: Tensor) -> Tensor:
    """Mean s^2 of states `(n, d)`: states stay small."""
    return states.pow(2).mean()


def _mean(values: Tensor) -> Tensor:
    """0 where there is no pair."""
    return values.mean() if len(values) else values.sum()
