"""Independence where rows have weights: the same without differences, and true of the population with them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.errors import InputError
from ensemble.evaluation.independence import Independence, independence
from ensemble.evaluation.intervals import clopper_pearson, effective_rows, korn_graubard

NAMES = ("a", "b", "c")


def measured(table, labels, weights=None):
    return independence(table, labels, members=NAMES, deployed="a", threshold=0.5, weights=weights)


def population(rng, rows):
    """Members that share half of their noise, so that they err together; few rows are yes."""
    labels = (rng.random(rows) < 0.2).astype(float)
    shared = rng.normal(size=(rows, 1))
    signal = (labels[:, None] * 2 - 1) * np.array([1.0, 1.3, 0.8])
    table = 1 / (1 + np.exp(-(signal + 0.8 * shared + 0.8 * rng.normal(size=(rows, 3)))))
    return table, labels


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 60), st.floats(0.01, 1000))
def test_equal_weights_change_nothing(seed, rows, weight):
    """Whatever their scale, weights that are all the same give the figures without weights."""
    table, labels = population(np.random.default_rng(seed), rows)
    plain, weighted = measured(table, labels), measured(table, labels, np.full(rows, weight))
    for name in Independence.model_fields:
        one, other = getattr(plain, name), getattr(weighted, name)
        if isinstance(one, dict) and one and isinstance(next(iter(one.values())), dict):
            for row in one:
                assert one[row] == pytest.approx(other[row])
        else:
            assert one == pytest.approx(other), name


def test_a_weight_is_like_so_many_copies():
    """Shares with whole weights are those of rows repeated so often; counts are of rows."""
    rng = np.random.default_rng(4)
    table, labels = population(rng, 200)
    weights = rng.integers(1, 5, 200)
    weighted = measured(table, labels, weights.astype(float))
    repeated = measured(np.repeat(table, weights, axis=0), np.repeat(labels, weights))
    assert weighted.n_eff == pytest.approx(repeated.n_eff)
    assert weighted.capture == pytest.approx(repeated.capture)
    assert weighted.unique_share == pytest.approx(repeated.unique_share)
    assert weighted.disagreeing_share == pytest.approx(repeated.disagreeing_share)
    for name in NAMES:
        assert weighted.double_fault[name] == pytest.approx(repeated.double_fault[name])
        assert weighted.error_correlation[name] == pytest.approx(repeated.error_correlation[name])
    assert weighted.misses == measured(table, labels).misses


def test_weighted_figures_are_those_of_the_population():
    """Rows drawn because members differ lie about rates; weighted by 1/q they do not, and intervals hold the truth."""
    rng = np.random.default_rng(5)
    table, labels = population(rng, 20_000)
    truth = measured(table, labels)
    differ = table.max(axis=1) - table.min(axis=1)
    q = np.clip(0.005 + 0.25 * differ**2, 0, 1)
    found = []
    for _ in range(60):
        drawn = rng.random(len(q)) < q
        found.append((measured(table[drawn], labels[drawn]), measured(table[drawn], labels[drawn], 1 / q[drawn])))
    for name in ("n_eff", "capture", "disagreeing_share"):
        true = getattr(truth, name)
        plain, weighted = (np.array([getattr(pair[i], name) for pair in found]) for i in (0, 1))
        error = weighted.std(ddof=1) / np.sqrt(len(weighted))
        assert abs(weighted.mean() - true) < 3 * error + 0.01 * true, name
        assert abs(plain.mean() - true) > 5 * abs(weighted.mean() - true), name
    for name, own in (("n_eff_interval", "n_eff"), ("capture_interval", "capture")):
        held = [low <= getattr(truth, own) <= high for low, high in (getattr(pair[1], name) for pair in found)]
        assert np.mean(held) >= 0.85, name


def test_korn_graubard_is_exact_for_equal_weights_and_wider_for_uneven_ones():
    """Uneven weights know less: a share of 0.3 over 100 rows, of which ten carry most of the weight."""
    hits = np.arange(100) % 10 < 3
    assert korn_graubard(hits, np.full(100, 7.0)) == pytest.approx(clopper_pearson(30, 100))
    weights = np.where(np.arange(100) < 10, 50.0, 1.0)
    low, high = korn_graubard(hits, weights)
    assert effective_rows(weights) == pytest.approx(590**2 / (10 * 2500 + 90))
    assert low < 0.1
    assert high > 0.59


@pytest.mark.parametrize("hit", [True, False])
def test_korn_graubard_at_the_ends(hit):
    """A share of 0 or 1 keeps a side that is exact and one that is open."""
    low, high = korn_graubard([hit] * 3, [1.0, 2.0, 3.0])
    assert (high == 1.0, low == 0.0) == (hit, not hit)
    assert 0 < high - low < 1


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, np.inf], [1.0, np.nan]])
def test_weights_that_are_none_are_refused(weights):
    """One a row, positive and finite."""
    with pytest.raises(InputError, match="positive finite"):
        measured(np.full((2, 3), 0.3), np.array([1.0, 0.0]), np.array(weights))


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_or_no_error_gives_none_instead_of_nan(label):
    """With weights as without, what cannot be said is None, and JSON can hold the rest."""
    found = measured(np.full((4, 3), 0.9 if label else 0.1), np.full(4, label), np.array([1.0, 2, 3, 4]))
    assert (found.n_eff, found.n_eff_interval, found.capture, found.capture_interval) == (None, None, None, None)
    assert "NaN" not in found.model_dump_json()
