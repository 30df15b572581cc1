"""Losses that predict actions, next states, rewards and ends from states."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_EPSILON = 1e-6


def inverse_discrete(logits: Tensor, action: Tensor) -> Tensor:
    """Cross-entropy of the action `(n,)` that led from a state to the next; `logits` (n, actions).

    Pathak et al. 2017, "Curiosity-driven exploration by self-supervised prediction"; Raffin et al. 2018.
    """
    return functional.cross_entropy(logits, action)


def estimate(mean: Tensor, log_std: Tensor, truth: Tensor, beta: float = 0.5) -> Tensor:
    """Negative log-likelihood of `truth` under normal distributions, `(n, k)` each, weighted by variance to the power `beta`.

    Nix and Weigend 1994, "Estimating the mean and variance of the target probability distribution". The weight counts as a
    constant; without it, images with large errors are given up early: Seitzer et al. 2022, "On the pitfalls of heteroscedastic
    uncertainty estimation with probabilistic neural networks".
    """
    likelihood = 0.5 * ((truth - mean) / log_std.exp()) ** 2 + log_std
    return ((2.0 * beta * log_std).exp().detach() * likelihood).mean()


def inverse_continuous(predicted: Tensor, action: Tensor) -> Tensor:
    """Mean squared error of a continuous action `(n, k)`; the same sources."""
    return ((predicted - action) ** 2).mean()


def forward(predicted: Tensor, following: Tensor) -> Tensor:
    """Mean squared error of the predicted next state, in variances of the next state; `(n, d)` each.

    The S-RL Toolbox's forward model, which has no denominator. Without it a network makes the loss small by making the
    states small. The sum over all dimensions is divided, so a dimension that does not vary adds nothing.
    """
    spread = (following - following.mean(dim=0)).pow(2).sum(dim=1).mean()
    return (predicted - following).pow(2).sum(dim=1).mean() / (spread + _EPSILON)


def reward_class(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of the class `(n,)` of a reward; `logits` (n, classes). Raffin et al. 2018."""
    return functional.cross_entropy(logits, classes)


def two_hot(values: Tensor, bins: Tensor) -> Tensor:
    """Each value `(n,)` as weights `(n, bins)` of the two bins around it, which are in ascending order.

    Bellemare et al. 2017; as in MR.Q, Fujimoto et al. 2025, "Towards general-purpose model-free reinforcement learning".
    """
    values = values.clamp(float(bins[0]), float(bins[-1]))
    upper = torch.searchsorted(bins, values.contiguous(), right=True).clamp(1, len(bins) - 1)
    low, high = bins[upper - 1], bins[upper]
    share = (values - low) / (high - low)
    weights = torch.zeros(len(values), len(bins), dtype=values.dtype, device=values.device)
    weights.scatter_(1, (upper - 1)[:, None], (1.0 - share)[:, None])
    return weights.scatter_add_(1, upper[:, None], share[:, None])


def reward_two_hot(logits: Tensor, reward: Tensor, bins: Tensor) -> Tensor:
    """Cross-entropy of a reward `(n,)` that is spread over two `bins`; `logits` (n, bins). MR.Q."""
    return -(two_hot(reward, bins) * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()


def termination(predicted: Tensor, terminated: Tensor) -> Tensor:
    """Mean squared error of whether the episode ended `(n,)`, 0 or 1. MR.Q."""
    return ((predicted - terminated) ** 2).mean()


def variance(states: Tensor, goal: float = 1.0) -> Tensor:
    """How much the deviation of each dimension of `states` (n, d) falls short of `goal`.

    Bardes et al. 2022, "VICReg: variance-invariance-covariance regularization", eq. 1.
    """
    return functional.relu(goal - torch.sqrt(states.var(dim=0) + 1e-4)).mean()


def covariance(states: Tensor) -> Tensor:
    """Sum of the squared covariances between dimensions of `states` (n, d), over d. The same source, eq. 3 and 4."""
    centred = states - states.mean(dim=0)
    matrix = centred.T @ centred / max(len(states) - 1, 1)
    return (matrix.pow(2).sum() - matrix.diagonal().pow(2).sum()) / states.shape[1]


def action_kl(logits: Tensor, probabilities: Tensor) -> Tensor:
    """KL divergence of a student's discrete policy from its teacher's `probabilities` (n, actions), mean over the batch.

    Rusu et al. 2016, "Policy distillation", with temperature 1. The teacher's are probabilities already: no softmax here.
    """
    return functional.kl_div(torch.log_softmax(logits, dim=1), probabilities, reduction="batchmean")


def action_means(predicted: Tensor, means: Tensor) -> Tensor:
    """Half the mean squared distance of the means, `(n, d)`, of two Gaussian policies of unit variance: their KL divergence."""
    return 0.5 * ((predicted - means) ** 2).sum(dim=1).mean()


def supervised(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of the ground truth `(n, k)`, in deviations from its mean."""
    return ((predicted - truth) ** 2).mean()
