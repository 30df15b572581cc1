"""The loss of policy distillation: the Kullback-Leibler divergence from a teacher's distribution to the student's.

The temperature T is applied once, to the teacher: its density to the power 1/T, normalised. T < 1 sharpens, T > 1 softens.
Sources: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015; Rusu et al., "Policy Distillation",
2016, which apply it to the teacher alone. Pure functions.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import log_softmax


def with_temperature(probabilities: Tensor, temperature: float) -> Tensor:
    """Return p_i^(1/T) / sum_j p_j^(1/T) of probabilities `(n, k)`: the softmax of logits divided by T."""
    sharpened: Tensor = torch.softmax(torch.log(probabilities.double()) / temperature, dim=-1)
    return sharpened.to(probabilities.dtype)


def widened(log_std: Tensor, temperature: float) -> Tensor:
    """Return the log standard deviations `(n, d)` of Gaussian densities to the power 1/T, normalised: T times the variance."""
    return log_std + 0.5 * math.log(temperature)


def categorical_kl(teacher: Tensor, student_logits: Tensor) -> Tensor:
    """Return KL(teacher || student), nats, `(n,)`, of probabilities and logits, `(n, k)` each."""
    parts: Tensor = torch.special.xlogy(teacher, teacher) - teacher * log_softmax(student_logits, dim=-1)
    return parts.sum(dim=-1)


def gaussian_kl(mean: Tensor, log_std: Tensor, student_mean: Tensor, student_log_std: Tensor) -> Tensor:
    """Return KL(teacher || student), nats, `(n,)`, of diagonal Gaussians, `(n, d)` each.

    The sum over dimensions of log(s/t) + (t^2 + (m_t - m_s)^2) / (2 s^2) - 1/2, with standard deviations t of the teacher and s
    of the student. It is the same for Gaussians whose samples are squashed by tanh: KL does not change under a bijection.
    """
    variance, student_variance = torch.exp(2.0 * log_std), torch.exp(2.0 * student_log_std)
    distance = (variance + (mean - student_mean) ** 2) / (2.0 * student_variance)
    return (student_log_std - log_std + distance - 0.5).sum(dim=-1)
