"""The loss of distillation by hand: divergences, temperature, Gaussians through tanh, samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rl_trainer_ros.distillation import loss
from rl_trainer_ros.distillation.distributions import CATEGORICAL, GAUSSIAN, SQUASHED, Actions
from robot_interface_ros.config import ConfigError

pytestmark = [pytest.mark.distil, pytest.mark.slow, pytest.mark.xdist_group("distillation")]


def test_categorical_loss_by_hand() -> None:
    """KL of (1/2, 1/2) to (1/4, 3/4) is (ln 2 + ln 2/3) / 2 = 0.143841; of (1, 0) it is -ln 1/4."""
    logits = torch.log(torch.tensor([[0.25, 0.75], [0.25, 0.75]]))
    found = loss.categorical_kl(torch.tensor([[0.5, 0.5], [1.0, 0.0]]), logits)
    assert found[0].item() == pytest.approx(0.143841, abs=1e-6) and found[1].item() == pytest.approx(math.log(4.0))


def test_gaussian_loss_by_hand() -> None:
    """KL of N(1, 1) to N(0, 2^2) is ln 2 + 2/8 - 1/2 = 0.443147; a second axis that is alike adds nothing."""
    mean, log_std = torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2)
    found = loss.gaussian_kl(mean, log_std, torch.tensor([[0.0, 3.0]]), torch.tensor([[math.log(2.0), 0.0]]))
    assert found.item() == pytest.approx(0.443147, abs=1e-6)


def test_the_gradient_is_the_difference_of_probabilities() -> None:
    """d KL / d logits = q - p, so a uniform teacher of a uniform student teaches nothing."""
    logits = torch.zeros(1, 4, requires_grad=True)
    loss.categorical_kl(torch.full((1, 4), 0.25), logits).sum().backward()
    assert logits.grad is not None and torch.allclose(logits.grad, torch.zeros(1, 4), atol=1e-7)
    logits.grad = None
    loss.categorical_kl(torch.tensor([[0.7, 0.1, 0.1, 0.1]]), logits).sum().backward()
    assert torch.allclose(logits.grad, torch.tensor([[-0.45, 0.15, 0.15, 0.15]]), atol=1e-6)


def test_temperature_is_applied_once() -> None:
    """Of (0.8, 0.2): T = 2 gives 2:1, T = 1/2 gives 16:1, T = 1 nothing; a Gaussian's variance is T times as large."""
    p = torch.tensor([[0.8, 0.2]])
    for temperature, expected in ((2.0, 2 / 3), (1.0, 0.8), (0.5, 16 / 17)):
        assert loss.with_temperature(p, temperature)[0, 0].item() == pytest.approx(expected, abs=1e-6)
    assert loss.with_temperature(torch.tensor([[1.0, 0.0]]), 3.0).tolist() == [[1.0, 0.0]]
    assert loss.widened(torch.tensor([0.0]), 4.0).item() == pytest.approx(math.log(2.0))
    logits = torch.tensor([[3.0, -1.0, 0.5]])
    assert torch.allclose(loss.with_temperature(torch.softmax(logits, -1), 2.0), torch.softmax(logits / 2.0, -1))


def test_gaussians_go_through_tanh_and_back() -> None:
    """tanh(N(0.5, 0.1^2)) has its middle at tanh 0.5 = 0.46212 and there the slope 1 - 0.46212^2 = 0.78645."""
    squashed = Actions(SQUASHED, {"mean": np.array([[0.5]], np.float32), "log_std": np.log([[0.1]]).astype(np.float32)})
    plain = squashed.as_kind(GAUSSIAN)
    assert plain.arrays["mean"][0, 0] == pytest.approx(0.46212, abs=1e-5)
    assert np.exp(plain.arrays["log_std"][0, 0]) == pytest.approx(0.078645, abs=1e-6)
    back = plain.as_kind(SQUASHED)
    assert np.allclose(back.arrays["mean"], 0.5, atol=1e-5) and np.allclose(
        back.arrays["log_std"], math.log(0.1), atol=1e-5
    )
    with pytest.raises(ConfigError, match="other action spaces"):
        squashed.as_kind(CATEGORICAL)


def test_samples_have_the_distribution_that_they_are_from() -> None:
    generator = np.random.default_rng(0)
    categorical = Actions(CATEGORICAL, {"probabilities": np.tile(np.array([0.1, 0.0, 0.9], np.float32), (4000, 1))})
    counts = np.bincount(categorical.sample(generator), minlength=3) / 4000
    assert counts[1] == 0.0 and counts[2] == pytest.approx(0.9, abs=0.02)
    assert (categorical.sample(generator, temperature=0.01) == 2).all()
    gaussian = Actions(
        GAUSSIAN, {"mean": np.zeros((4000, 1), np.float32), "log_std": np.full((4000, 1), -2.0, np.float32)}
    )
    assert gaussian.sample(generator, temperature=4.0).std() == pytest.approx(2.0 * math.exp(-2.0), rel=0.05)
