"""Misses at a fixed share of false alarms, and the curve of all trade-offs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from ensemble.evaluation.operating import curve, fnr_at_fpr

SCORED = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=60)


def test_a_hand_made_column():
    """Of five no rows one may be flagged: the threshold rises to 0.6, and one of three yes rows is missed."""
    scores = np.array([0.9, 0.6, 0.3, 0.8, 0.4, 0.2, 0.1, 0.05])
    labels = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    found = fnr_at_fpr(scores, labels, 0.2)
    assert (found.threshold, found.false_alarms, found.fpr) == (0.6, 1, 0.2)
    assert (found.misses, found.fnr) == (1, pytest.approx(1 / 3))
    assert found.fnr_interval == pytest.approx((0.0084, 0.9057), abs=1e-4)


def test_too_few_no_rows_allow_no_false_alarm():
    """One of a hundred is not to be had from three rows."""
    found = fnr_at_fpr(np.array([0.9, 0.4, 0.8, 0.2, 0.1]), np.array([1.0, 1.0, 0.0, 0.0, 0.0]), 0.01)
    assert (found.false_alarms, found.misses, found.threshold) == (0, 1, 0.9)


def test_where_a_no_row_scores_highest_nothing_may_be_flagged():
    """There is then no threshold, and every yes is missed."""
    found = fnr_at_fpr(np.array([0.4, 0.9, 0.9]), np.array([1.0, 0.0, 1.0]), 0.5)
    assert (found.threshold, found.fnr, found.fpr) == (None, 1.0, 0.0)


def test_one_class_gives_none():
    """Without no rows there is no share of false alarms to keep, without yes rows none to miss."""
    assert fnr_at_fpr(np.array([0.4, 0.9]), np.ones(2), 0.05).fnr is None
    without = fnr_at_fpr(np.array([0.4, 0.9]), np.zeros(2), 0.5)
    assert (without.fnr, without.fpr, without.false_alarms) == (None, 0.5, 1)
    assert curve(np.array([0.4, 0.9]), np.ones(2)) is None
    assert curve(np.array([0.4, 0.9]), np.zeros(2)) is None


def test_the_limit_is_not_lost_to_rounding():
    """0.29 of a hundred rows are 29, although the product is a little less."""
    scores = np.r_[np.linspace(0.01, 0.98, 100), 0.99]
    assert fnr_at_fpr(scores, np.r_[np.zeros(100), 1.0], 0.29).false_alarms == 29


@given(SCORED, st.floats(0.01, 0.99))
def test_the_threshold_does_what_is_reported(rows, target):
    """Flagging from it on gives the counts; the next lower score would allow too many false alarms."""
    scores, labels = np.array([s for s, _ in rows]), np.array([float(y) for _, y in rows])
    found = fnr_at_fpr(scores, labels, target)
    if found.fpr is None:
        assert labels.all()
        return
    flagged = scores >= (np.inf if found.threshold is None else found.threshold)
    assert found.false_alarms == (flagged & (labels == 0)).sum()
    assert found.fpr <= target + 1e-9
    if found.misses is not None and labels.any():
        assert found.misses == (~flagged & (labels == 1)).sum()
    lower = scores[~flagged]
    if len(lower):
        assert ((scores >= lower.max()) & (labels == 0)).sum() > target * (labels == 0).sum() - 1e-6


@given(SCORED)
def test_a_short_curve_is_the_whole_roc(rows):
    """Every distinct score is a point, as scikit-learn has it."""
    scores, labels = np.array([s for s, _ in rows]), np.array([float(y) for _, y in rows])
    found = curve(scores, labels)
    if found is None:
        assert len(set(labels)) < 2
        return
    fpr, tpr, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    assert found.threshold == pytest.approx(thresholds[1:])
    assert found.fpr == pytest.approx(fpr[1:], abs=1e-5)
    assert found.fnr == pytest.approx(1 - tpr[1:], abs=1e-5)


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_its_shape():
    """Twenty thousand rows become at most some hundred points, from which the area is still had."""
    rng = np.random.default_rng(7)
    labels = (rng.random(20_000) < 0.2).astype(float)
    scores = 1 / (1 + np.exp(-rng.normal(labels * 2)))
    found = curve(scores, labels)
    fpr, tpr, _ = roc_curve(labels, scores)
    assert len(found.fpr) <= 150
    assert (found.fpr[-1], found.fnr[-1]) == (1.0, 0.0)
    assert found.precision[-1] == pytest.approx(labels.mean(), abs=1e-5)
    thin = np.trapezoid(1 - np.array(found.fnr), found.fpr)
    assert thin == pytest.approx(np.trapezoid(tpr, fpr), abs=0.003)
    assert sum(value < 0.01 for value in found.fpr) >= 15
