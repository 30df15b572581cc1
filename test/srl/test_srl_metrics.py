"""Metrics of how well a state contains the ground truth, compared with values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from srl_ros.training.metrics import gtc, knn_mse, linear_r2


def test_knn_mse_by_hand() -> None:
    states = np.array([[0.0], [1.0], [10.0], [12.0]])
    truth = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 0.0], [1.0, 2.0]])
    # Nearest in state: 0-1, 1-0, 2-3, 3-2; squared distances of their truths: 25, 25, 4, 4.
    assert knn_mse(states, truth, neighbours=1) == pytest.approx((25 + 25 + 4 + 4) / 4)


def test_knn_mse_in_chunks_equals_the_definition() -> None:
    generator = np.random.default_rng(0)
    states, truth = generator.normal(size=(600, 4)), generator.normal(size=(600, 2))
    distance = np.linalg.norm(states[:, None] - states[None], axis=2) + np.diag(np.full(600, np.inf))
    nearest = np.argsort(distance, axis=1)[:, :5]
    assert knn_mse(states, truth) == pytest.approx(((truth[:, None] - truth[nearest]) ** 2).sum(2).mean())


def test_knn_mse_wants_more_states_than_neighbours() -> None:
    with pytest.raises(ValueError, match="5 neighbours want more than 5 states"):
        knn_mse(np.zeros((5, 1)), np.zeros((5, 1)))


def test_gtc_by_hand() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])
    states = np.stack([np.full(4, 7.0), -2.0 * x + 1.0, [1.0, -1.0, -1.0, 1.0]], axis=1)
    truth = np.stack([x, [1.0, -1.0, 1.0, -1.0], np.full(4, 3.0)], axis=1)
    # -2x + 1 against x: 1. Against the second, sums about the mean: sum(x b) = -2, |x - 1.5| = sqrt 5, |b| = 2.
    assert gtc(states, truth) == pytest.approx([1.0, 2.0 / (np.sqrt(5.0) * 2.0), 0.0])


def test_linear_r2_tells_signal_from_noise() -> None:
    generator = np.random.default_rng(1)
    states = generator.normal(size=(4000, 3))
    noise = generator.normal(size=4000)
    exact = states @ [1.0, -2.0, 3.0] + 4.0
    half = states[:, 0] + noise  # variance 1 of signal, 1 of noise
    truth = np.stack([exact, half, noise, np.full(4000, 2.0)], axis=1)
    fitted = linear_r2(states[:3000], truth[:3000], states[3000:], truth[3000:])
    assert fitted[0] > 0.9999
    assert fitted[1] == pytest.approx(0.5, abs=0.05)
    assert abs(fitted[2]) < 0.02 and fitted[3] == 0.0
