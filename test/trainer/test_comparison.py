"""The statistics by which runs are compared, against values worked out by hand and printed tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rl_trainer_ros.evaluation import comparison as compare


def test_interquartile_mean_by_hand() -> None:
    """The mean of the middle half: of eight scores the middle four, of three all, of five the middle three."""
    assert compare.interquartile_mean([[8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 100.0]]) == pytest.approx(
        (3 + 4 + 5 + 6) / 4
    )
    assert compare.interquartile_mean([[0.0, 0.0, 9.0]]) == pytest.approx(3.0)
    assert compare.interquartile_mean([[5.0, 1.0, 2.0, 3.0, 40.0]]) == pytest.approx((2 + 3 + 5) / 3)


def test_interquartile_mean_of_tasks_is_of_all_their_scores() -> None:
    assert compare.interquartile_mean([[0.0, 1.0], [2.0, 30.0]]) == pytest.approx(1.5)
    assert compare.interquartile_mean([[0.0, 1.0], [2.0, 30.0]]) == compare.interquartile_mean(
        [[30.0, 0.0], [1.0, 2.0]]
    )


def test_probability_of_improvement_by_hand() -> None:
    """Pairs of (3, 1) with (2, 1): 3 beats both, 1 loses to 2 and is equal to 1: (1 + 1 + 0 + 1/2) / 4."""
    assert compare.probability_of_improvement([[3.0, 1.0]], [[2.0, 1.0]]) == pytest.approx(2.5 / 4)
    assert compare.probability_of_improvement([[2.0, 1.0]], [[3.0, 1.0]]) == pytest.approx(1.5 / 4)
    assert compare.probability_of_improvement([[1.0], [1.0, 1.0]], [[0.0, 0.0], [2.0]]) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="give scores for the same tasks"):
        compare.probability_of_improvement([[1.0]], [[1.0], [2.0]])


def test_intervals_are_those_of_all_samples_that_can_be() -> None:
    """Of two scores a sample is (a, a), (a, b) or (b, b), a quarter, a half and a quarter of the time."""
    assert compare.interquartile_mean_interval([[0.0, 1.0]]) == (0.0, 1.0)
    low, high = compare.interquartile_mean_interval([[0.0, 1.0]], level=0.4)
    assert (low, high) == (0.5, 0.5)
    assert compare.interquartile_mean_interval([[2.0, 2.0, 2.0]]) == (2.0, 2.0)
    assert compare.probability_of_improvement_interval([[3.0, 4.0]], [[1.0, 2.0]]) == (1.0, 1.0)
    scores = [[0.1, 0.5, 0.4, 0.9]]
    assert compare.interquartile_mean_interval(scores) == compare.interquartile_mean_interval(scores)


def test_the_bootstrap_samples_within_tasks() -> None:
    """Two tasks, whose scores are equal within each: however runs are sampled, the mean is the same."""
    assert compare.interquartile_mean_interval([[0.0] * 4, [1.0] * 4]) == (0.5, 0.5)


def test_the_interval_of_many_scores_is_that_of_a_normal_mean() -> None:
    """Of normal scores the interquartile mean deviates by about 1.09 standard errors (its efficiency is 0.84)."""
    values = np.random.default_rng(0).normal(0.0, 1.0, 400)
    low, high = compare.interquartile_mean_interval([values])
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(1 / 400 / 0.84), rel=0.2)


def test_welch_by_hand() -> None:
    """Means 2.5 and 5, variances 5/3 and 20/3 of four scores: t = -2.5 / sqrt(25/12), 4.41 degrees of freedom."""
    found = compare.welch([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0])
    assert found is not None
    assert found.t == pytest.approx(-2.5 / math.sqrt(25 / 12))
    parts = (5 / 12, 20 / 12)
    assert found.degrees == pytest.approx(sum(parts) ** 2 / sum(part**2 / 3 for part in parts))
    assert 0.14 < found.p < 0.17


def test_welch_where_there_is_no_test() -> None:
    assert compare.welch([1.0], [2.0, 3.0]) is None
    assert compare.welch([1.0, 1.0], [2.0, 2.0]) is None


@pytest.mark.parametrize(
    "degrees, t, p",
    [(1, 12.706, 0.05), (2, 4.303, 0.05), (4, 2.776, 0.05), (10, 3.169, 0.01), (30, 1.310, 0.2), (120, 2.617, 0.01)],
)
def test_student_as_printed_tables_have_it(degrees: float, t: float, p: float) -> None:
    assert compare.student_p(t, degrees) == pytest.approx(p, rel=2e-3)
    assert compare.student_p(-t, degrees) == compare.student_p(t, degrees)
    assert compare.student_p(0.0, degrees) == pytest.approx(1.0)


def test_incomplete_beta_by_hand() -> None:
    """I_x(1, 1) = x; I_x(2, 3) of 1/2 is 11/16; I_x(1/2, 1/2) is 2/pi arcsin(sqrt x); symmetric."""
    assert compare.incomplete_beta(1.0, 1.0, 0.3) == pytest.approx(0.3)
    assert compare.incomplete_beta(2.0, 3.0, 0.5) == pytest.approx(11 / 16)
    assert compare.incomplete_beta(0.5, 0.5, 0.25) == pytest.approx(2 / math.pi * math.asin(0.5))
    assert compare.incomplete_beta(7.5, 2.0, 0.8) == pytest.approx(1 - compare.incomplete_beta(2.0, 7.5, 0.2))
