"""Measures against values worked out by hand or by simulation."""

import numpy as np
import pytest

from ensemble.evaluation.independence import effective_votes, independence
from ensemble.evaluation.metrics import clopper_pearson, expected_calibration_error, quality


def test_quality_of_a_hand_made_column():
    """Four rows whose AUC, FNR and FPR can be counted on fingers."""
    result = quality(np.array([0.9, 0.4, 0.6, 0.1]), np.array([1.0, 1.0, 0.0, 0.0]), 0.5)
    assert (result.auc, result.fnr, result.fpr) == (0.75, 0.5, 0.5)
    assert result.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_quality_with_one_class_says_none_instead_of_inventing():
    """Without a yes there is no false-negative rate; without a no, no false-positive rate."""
    assert quality(np.array([0.9, 0.4]), np.zeros(2), 0.5).fnr is None
    assert quality(np.array([0.9, 0.4]), np.ones(2), 0.5).fpr is None


def test_clopper_pearson_matches_published_values():
    """0 of 10 gives an upper limit of 0.308; 2 of 20 gives 0.012 to 0.317 (exact tables)."""
    assert clopper_pearson(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)
    assert clopper_pearson(2, 20) == pytest.approx((0.0123, 0.3170), abs=1e-4)
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_calibration_error_is_small_for_honest_and_large_for_boastful_probabilities():
    """Labels drawn at the stated rates give nearly 0; probabilities pushed to the ends do not."""
    rng = np.random.default_rng(1)
    p = rng.random(50_000)
    labels = (rng.random(50_000) < p).astype(float)
    assert expected_calibration_error(p, labels) < 0.01
    assert expected_calibration_error(np.where(p > 0.5, 0.99, 0.01), labels) > 0.2


def test_copies_count_as_one_vote_and_strangers_as_many():
    """Three identical members are worth one vote, three independent ones about three."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 5000).astype(float)

    def member():
        return np.where(rng.random(5000) < 0.8, labels, 1 - labels) * 0.8 + 0.1

    one = member()
    same = independence(np.column_stack([one] * 3), labels, members="abc", deployed="a", threshold=0.5)
    others = np.column_stack([member(), member(), member()])
    different = independence(others, labels, members="abc", deployed="a", threshold=0.5)
    assert same.n_eff == pytest.approx(1.0)
    assert same.capture == 0.0
    assert same.disagreeing_share == 0.0
    assert different.n_eff == pytest.approx(3.0, rel=0.05)
    assert different.capture == pytest.approx(1 - 0.2**2, abs=0.03)
    assert different.double_fault["a"]["b"] == pytest.approx(0.04, abs=0.01)


def test_a_member_without_errors_leaves_its_correlation_undefined():
    """None, not 0: nothing was observed."""
    labels = np.array([0.0, 1.0, 0.0, 1.0])
    columns = np.column_stack([labels * 0.8 + 0.1, [0.9, 0.9, 0.1, 0.1]])
    result = independence(columns, labels, members="ab", deployed="a", threshold=0.5)
    assert result.error_correlation["a"]["b"] is None
    assert result.n_eff is None
    assert result.capture is None
    assert effective_votes(np.array([[1.0]])) == 1.0
