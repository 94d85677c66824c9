"""Intervals keep their promise on simulated samples, and at the ends of the scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from ensemble.evaluation.intervals import auc_interval, average_precision_interval, clopper_pearson


@given(st.integers(0, 400), st.integers(0, 400))
def test_exact_intervals_hold_the_share_and_mirror_themselves(hits, rest):
    """The observed share lies inside, and counting the opposite turns the interval round."""
    trials = hits + rest
    low, high = clopper_pearson(hits, trials)
    assert 0 <= low < high <= 1
    if trials:
        assert low <= hits / trials <= high
    assert clopper_pearson(rest, trials) == pytest.approx((1 - high, 1 - low))


def test_exact_intervals_cover_at_least_as_often_as_they_say():
    """Over all outcomes of 30 trials with a share of 0.1, the true share is outside in at most 5 of 100."""
    from scipy.stats import binom

    outside = sum(binom.pmf(k, 30, 0.1) for k in range(31) if not _within(0.1, clopper_pearson(k, 30)))
    assert outside <= 0.05


@given(st.floats(0, 1), st.integers(1, 10_000), st.integers(1, 10_000))
def test_area_intervals_hold_the_area_and_have_a_width(auc, positives, negatives):
    """Also where all pairs are in order: a few rows do not prove perfection."""
    low, high = auc_interval(auc, positives, negatives)
    assert 0 <= low <= auc + 1e-9
    assert auc - 1e-9 <= high <= 1
    assert high - low > 0


def test_area_intervals_narrow_with_more_rows():
    """A perfect order of 5 and 5 rows says less than one of 500 and 500."""
    few, many = auc_interval(1.0, 5, 5), auc_interval(1.0, 500, 500)
    assert few[0] < 0.8
    assert many[0] > 0.99
    assert few[1] == many[1] == 1.0


@pytest.mark.parametrize(("positives", "negatives", "shift"), [(20, 200, 1.5), (60, 60, 2.5)])
def test_area_intervals_cover_about_as_often_as_they_say(positives, negatives, shift):
    """Samples of two normals, whose true area is known."""
    from scipy.stats import norm

    rng, true = np.random.default_rng(5), norm.cdf(shift / np.sqrt(2))
    labels = np.r_[np.ones(positives), np.zeros(negatives)]
    inside = [
        _within(true, auc_interval(roc_auc_score(labels, rng.normal(labels * shift)), positives, negatives))
        for _ in range(300)
    ]
    assert 0.91 <= np.mean(inside) <= 1.0


def test_average_precision_intervals_cover_about_as_often_as_they_say():
    """The true value is taken from one very large sample of the same kind."""
    rng = np.random.default_rng(6)
    large = np.r_[np.ones(40_000), np.zeros(160_000)]
    true = average_precision_score(large, rng.normal(large * 1.5))
    labels = np.r_[np.ones(50), np.zeros(200)]
    inside = [
        _within(true, average_precision_interval(average_precision_score(labels, rng.normal(labels * 1.5)), 50))
        for _ in range(300)
    ]
    assert 0.9 <= np.mean(inside) <= 1.0


def test_average_precision_intervals_at_the_end_are_exact_and_bounded():
    """At 1 the logit has no value; ten of ten gives the binomial limit."""
    assert average_precision_interval(1.0, 10) == pytest.approx((0.6915, 1.0), abs=1e-4)
    low, high = average_precision_interval(0.999, 1)
    assert 0 <= low < 0.999 < high <= 1


def _within(value, interval):
    return interval[0] <= value <= interval[1]
