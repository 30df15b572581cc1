"""Metrics of how well a state contains the ground truth, compared with values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from srl_ros.training.evaluation import describe, figures
from srl_ros.training.metrics import gtc, knn_mse, linear_r2, nmse, probe, r2


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


def test_nmse_by_hand() -> None:
    states, truth = np.array([[0.0], [1.0], [10.0], [12.0]]), np.array([[0.0], [3.0], [1.0], [2.0]])
    # Nearest in state: 0-1, 1-0, 2-3, 3-2; squared errors 9, 9, 1, 1, mean 5; the truth's variance is 1.25.
    assert nmse(states, truth, neighbours=1) == pytest.approx(4.0)
    # With two neighbours their mean is the estimate. 0: 1, 2; 1: 0, 2; 2: 3, 1; 3: 2, 1. Errors -2, 2.5, -1.5, 0.
    assert nmse(states, truth, neighbours=2) == pytest.approx((4.0 + 6.25 + 2.25 + 0.0) / 4 / 1.25)
    assert nmse(states, np.full((4, 1), 3.0), neighbours=1) == 0.0  # a constant has no variance to explain


def test_nmse_is_near_0_for_the_truth_and_1_plus_a_fifth_for_chance() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(2000, 2))
    assert nmse(truth, truth) < 0.02
    assert nmse(generator.normal(size=(2000, 2)), truth) == pytest.approx(1.2, abs=0.06)
    assert nmse(100.0 * truth, 7.0 * truth + 3.0) == pytest.approx(nmse(truth, truth))  # units do not count


def test_the_probe_reads_out_what_a_line_cannot() -> None:
    generator = np.random.default_rng(2)
    states = generator.uniform(-1.0, 1.0, (2400, 2))
    truth = np.stack([states[:, 0] ** 2, generator.normal(size=2400)], axis=1)
    parts = states[:1600], truth[:1600], states[1600:]
    straight = linear_r2(*parts, truth[1600:])
    read = probe(*parts)
    assert straight[0] < 0.05 and r2(read, truth[1600:])[0] > 0.99
    assert r2(read, truth[1600:])[1] < 0.05  # noise is read out of nothing
    assert read.tobytes() == probe(*parts).tobytes()


def test_errors_of_a_place_are_in_centimetres_and_of_that_place_alone() -> None:
    generator = np.random.default_rng(3)
    target, hand = generator.uniform(-0.5, 0.5, (1200, 3)), generator.uniform(-0.5, 0.5, (1200, 3))
    names = tuple(f"{group}_{axis}" for group in ("target", "hand") for axis in "xyz")
    truth = np.concatenate([target, hand], axis=1)
    found = figures(2.0 * target[:800], truth[:800], 2.0 * target[800:], truth[800:], names)
    known, unknown = found["target"], found["hand"]
    assert known["gtc_mean"] == pytest.approx(1.0) and known["linear_r2"] > 0.999 and known["nonlinear_r2"] > 0.99
    assert known["probe_error_cm"] < known["probe_error_90_cm"] < 5.0
    # Of a place that the state does not know, the middle is the best guess; the median distance from it is 49 cm.
    middle = 100.0 * np.median(np.linalg.norm(hand[800:], axis=1))
    assert unknown["probe_error_cm"] == pytest.approx(middle, rel=0.2) and unknown["nonlinear_r2"] < 0.05
    alone = figures(2.0 * target[:800], target[:800], 2.0 * target[800:], target[800:], names[:3])  # no hand beside it
    assert alone["target"]["probe_error_cm"] == known["probe_error_cm"]
    assert unknown["nmse"] > 1.0 and found["gtc_mean"] == pytest.approx((1.0 + unknown["gtc_mean"]) / 2)


def test_a_loose_object_has_figures_of_its_own_and_a_coordinate_that_stands_still_does_not_count() -> None:
    generator = np.random.default_rng(4)
    names = tuple(f"{place}_{axis}" for place in ("target", "hand", "distractor_0") for axis in "xyz")
    truth = generator.uniform(-0.5, 0.5, (900, 9))
    truth[:, 2] = 1.0  # the target stands on a table
    states = truth[:, :6]
    found = figures(states[:600], truth[:600], states[600:], truth[600:], names)
    assert found["target"]["linear_r2"] > 0.999 and found["target"]["gtc_mean"] == pytest.approx(1.0)
    assert found["distractor_0"]["linear_r2"] < 0.05 and found["linear_r2"]["distractor_0_x"] < 0.05
    line = describe({**found, "validation_images": 300})
    assert line.count("distractor_0") == 1 and "nonlinear R2 of distractor_0 " in line and "target_x 1.00" in line
