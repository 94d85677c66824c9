"""What the members are worth together, counted by hand and by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ensemble.evaluation.independence import independence

YES, NO = 0.9, 0.1


def test_unique_catches_counted_by_hand():
    """Of five misses of `a`, `b` sees three and `c` two; one is seen by both, one by nobody."""
    columns = np.array(
        [
            [NO, YES, NO],
            [NO, YES, NO],
            [NO, YES, YES],
            [NO, NO, YES],
            [NO, NO, NO],
            [YES, NO, NO],
            [NO, YES, NO],
            [NO, NO, NO],
        ]
    )
    labels = np.array([1.0, 1, 1, 1, 1, 1, 0, 0])
    found = independence(columns, labels, members="abc", deployed="a", threshold=0.5)
    assert (found.misses, found.captured, found.capture) == (5, 4, 0.8)
    assert found.capture_interval == pytest.approx((0.2836, 0.9949), abs=1e-4)
    assert found.catches == {"b": 3, "c": 2}
    assert found.unique_catches == {"b": 2, "c": 1}
    assert found.unique_share == {"b": 0.4, "c": 0.2}
    assert found.catch_share == {"b": 0.6, "c": 0.4}
    assert (found.disagreeing, found.disagreeing_share) == (6, 0.75)


def test_without_a_miss_shares_are_none_and_counts_zero():
    """Nothing could be caught, which is not the same as nothing caught."""
    found = independence(np.array([[YES, NO], [NO, NO]]), np.array([1.0, 0]), members="ab", deployed="a", threshold=0.5)
    assert (found.misses, found.capture, found.capture_interval) == (0, None, None)
    assert (found.unique_share, found.unique_catches) == ({"b": None}, {"b": 0})


def test_one_member_is_one_vote():
    """There is nobody to be independent of."""
    found = independence(np.array([[YES], [YES]]), np.array([1.0, 0]), members="a", deployed="a", threshold=0.5)
    assert (found.n_eff, found.catches, found.disagreeing) == (1.0, {}, 0)


def test_thresholds_may_differ_by_member():
    """Each column votes by its own."""
    columns, labels = np.array([[0.4, 0.4], [0.2, 0.2]]), np.array([1.0, 0.0])
    found = independence(columns, labels, members="ab", deployed="a", threshold=[0.5, 0.3])
    assert (found.misses, found.captured) == (1, 1)


@settings(deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 40), st.integers(2, 5))), st.data())
def test_unique_catches_and_shared_ones_make_up_the_captured(votes, data):
    """What is caught is caught by one alone or by several; correlations lie in [-1, 1], faults in [0, 1]."""
    labels = data.draw(arrays(bool, len(votes))).astype(float)
    names = "abcde"[: votes.shape[1]]
    found = independence(np.where(votes, YES, NO), labels, members=names, deployed="a", threshold=0.5)
    several = votes[(labels == 1) & ~votes[:, 0]][:, 1:].sum(axis=1) > 1
    assert sum(found.unique_catches.values()) + several.sum() == found.captured <= found.misses
    for a in names:
        for b in names:
            phi, fault = found.error_correlation[a][b], found.double_fault[a][b]
            assert phi is None or -1 <= phi <= 1
            assert phi == found.error_correlation[b][a]
            assert 0 <= fault <= min(found.double_fault[a][a], found.double_fault[b][b])


def test_the_interval_of_effective_votes_holds_the_truth():
    """Three independent members are worth three; the same draw gives the same interval."""
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 2, 3000).astype(float)
    right = rng.random((3000, 3)) < 0.8
    columns = np.where(right == (labels == 1)[:, None], YES, NO)
    found = independence(columns, labels, members="abc", deployed="a", threshold=0.5)
    again = independence(columns, labels, members="abc", deployed="a", threshold=0.5)
    low, high = found.n_eff_interval
    assert low < found.n_eff < high
    assert low < 3 < high
    assert high - low < 0.6
    assert again.n_eff_interval == found.n_eff_interval
