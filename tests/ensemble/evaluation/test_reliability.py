"""Bins of stated against observed probability."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.evaluation.reliability import chance_calibration_error, expected_calibration_error, reliability

COLUMNS = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.2001, 0.5, 0.9, 1.0]), st.booleans()), min_size=1)


def test_bins_of_a_hand_made_column():
    """Four rows in two bins: stated 0.15 and 0.8, observed 0.5 and 1."""
    low, high = reliability(np.array([0.9, 0.1, 0.7, 0.2]), np.array([1.0, 0.0, 1.0, 1.0]), bins=2)
    assert (low.low, low.high, low.rows, low.yes) == (0.1, 0.2, 2, 1)
    assert low.stated == pytest.approx(0.15)
    assert (low.observed, high.observed) == (0.5, 1.0)
    assert high.interval[0] == pytest.approx(0.1581, abs=1e-4)
    error = expected_calibration_error(np.array([0.9, 0.1, 0.7, 0.2]), np.array([1.0, 0.0, 1.0, 1.0]), bins=2)
    assert error == pytest.approx((2 * 0.35 + 2 * 0.2) / 4)


@given(COLUMNS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random):
    """Rows of equal probability share a bin, so that no order can make a constant look calibrated or not."""
    before = _columns(rows)
    random.shuffle(rows)
    after = _columns(rows)
    assert expected_calibration_error(*before) == pytest.approx(expected_calibration_error(*after))


@given(COLUMNS)
def test_bins_hold_every_row_once_and_rise(rows):
    """Nothing is lost or counted twice."""
    bins = reliability(*_columns(rows))
    assert sum(each.rows for each in bins) == len(rows)
    assert sum(each.yes for each in bins) == sum(label for _, label in rows)
    assert len(bins) <= 10
    assert all(first.high < second.low for first, second in itertools.pairwise(bins))
    assert all(each.interval[0] <= each.observed <= each.interval[1] for each in bins)


def test_a_constant_that_is_right_on_average_is_calibrated():
    """One bin, whose gap is 0, though the labels come sorted."""
    assert expected_calibration_error(np.full(100, 0.25), np.r_[np.ones(25), np.zeros(75)]) == 0


@pytest.mark.parametrize("rows", [100, 1000])
def test_the_error_by_chance_is_what_honest_probabilities_show(rows):
    """Labels drawn at the stated rates give it on average."""
    rng = np.random.default_rng(4)
    p = rng.random(rows)
    shown = [expected_calibration_error(p, (rng.random(rows) < p).astype(float)) for _ in range(200)]
    assert chance_calibration_error(p) == pytest.approx(np.mean(shown), rel=0.1)


def _columns(rows):
    return np.array([p for p, _ in rows]), np.array([float(label) for _, label in rows])
