"""Slices count right, and say what is too small to be read as a fact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.evaluation.slices import MAX_SLICES, MIN_ROWS, slicing


def _slicing(names, labels, deployed, panel=None):
    deployed = np.asarray(deployed, dtype=float)
    panel = deployed if panel is None else np.asarray(panel, dtype=float)
    return slicing(
        "field", names, np.asarray(labels, dtype=float), deployed=deployed, panel=panel, thresholds=(0.5, 0.5)
    )


def test_a_slice_counted_by_hand():
    """Twenty rows of one value, ten yes of which the deployed member misses two and the panel one."""
    labels = [1] * 10 + [0] * 10
    deployed, panel = [0.9] * 8 + [0.1] * 2 + [0.1] * 9 + [0.9], [0.9] * 9 + [0.1] * 11
    (only,) = _slicing([("a",)] * 20, labels, deployed, panel).slices
    assert (only.name, only.kind, only.rows, only.yes) == ("a", "value", 20, 10)
    assert (only.deployed.misses, only.deployed.fnr, only.panel.fnr) == (2, 0.2, 0.1)
    assert only.deployed.fnr_interval == pytest.approx((0.0252, 0.5561), abs=1e-4)
    assert (only.deployed.false_alarms, only.deployed.fpr, only.panel.fpr) == (1, 0.1, 0.0)
    assert only.deployed.fnr_differs is None


def test_small_values_are_put_together_and_missing_ones_apart():
    """Two values under the limit make one slice, rows without the field another, at the end."""
    names = [("big",)] * 30 + [("x",)] * 5 + [("y",)] * 4 + [()] * 3
    found = _slicing(names, [1, 0] * 21, [0.9] * 42)
    told = [(each.name, each.kind, each.values, each.rows) for each in found.slices]
    assert told == [("big", "value", 1, 30), ("2 smaller values", "rest", 2, 9), ("(none)", "missing", 0, 3)]


def test_one_small_value_keeps_its_name():
    """A group of one would only hide it."""
    found = _slicing([("big",)] * 30 + [("x",)] * 5, [1] * 35, [0.9] * 35)
    assert [each.name for each in found.slices] == ["big", "x"]


def test_only_so_many_values_are_shown():
    """Of forty the largest are shown, the others together."""
    names = [(f"v{i}",) for i in range(40) for _ in range(MIN_ROWS + 40 - i)]
    found = _slicing(names, [1] * len(names), [0.9] * len(names))
    assert len(found.slices) == MAX_SLICES + 1
    assert [found.slices[0].name, found.slices[-1].name] == ["v0", "16 smaller values"]


def test_numbers_come_in_their_order():
    """10 after 9, whatever their counts."""
    names = [("10",)] * 60 + [("9",)] * 40 + [("100",)] * 50
    assert [each.name for each in _slicing(names, [1] * 150, [0.9] * 150).slices] == ["9", "10", "100"]


def test_a_slice_of_one_class_has_the_rate_of_that_class_only():
    """Nothing is invented for the other."""
    found = _slicing([("a",)] * 20 + [("b",)] * 20, [1] * 20 + [0] * 20, [0.9] * 40)
    yes, no = found.slices
    assert (yes.deployed.auc, yes.deployed.fnr, yes.deployed.fpr) == (None, 0.0, None)
    assert (no.deployed.auc, no.deployed.fnr, no.deployed.fpr) == (None, None, 1.0)
    assert (no.deployed.fnr_interval, no.deployed.fnr_differs) == (None, None)


def test_a_real_difference_is_told_and_luck_is_not():
    """A slice with all its yes rows missed stands out among nine that share one rate."""
    rng = np.random.default_rng(9)
    names = [(f"v{i}",) for i in range(10) for _ in range(100)]
    scores = np.where(rng.random(1000) < 0.2, 0.1, 0.9)
    scores[:100] = 0.1
    found = _slicing(names, np.ones(1000), scores)
    adjusted = {each.name: each.deployed.fnr_differs for each in found.slices}
    assert adjusted["v0"] < 0.001
    # The others differ from the rest too, since that holds v0: without it nothing must stand out.
    alike = _slicing(names[100:], np.ones(900), scores[100:])
    assert min(each.deployed.fnr_differs for each in alike.slices) > 0.05


def test_looking_at_many_slices_seldom_raises_a_false_alarm():
    """Of a hundred fields of noise at most a few have any slice marked."""
    rng = np.random.default_rng(10)
    names = [(f"v{i}",) for i in range(12) for _ in range(40)]
    marked = 0
    for _ in range(100):
        found = _slicing(names, np.ones(480), np.where(rng.random(480) < 0.3, 0.1, 0.9))
        marked += any(each.deployed.fnr_differs < 0.05 for each in found.slices)
    assert marked <= 10


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([(), ("a",), ("b",), ("a", "b")]), st.booleans(), st.floats(0, 1)), min_size=1)
)
def test_every_row_is_in_its_slices(rows):
    """Counts add up: each value once a row, and the rows without any apart."""
    names = [each[0] for each in rows]
    if not any(names):
        return
    found = _slicing(names, [each[1] for each in rows], [each[2] for each in rows])
    rest = [each for each in found.slices if each.kind == "rest"]
    alone = sum(each.rows for each in found.slices if each.kind == "value")
    joined = sum(each.rows for each in rest)
    missing = sum(each.rows for each in found.slices if each.kind == "missing")
    assert missing == sum(not name for name in names)
    assert alone + joined == (sum(map(len, names)) if not rest else len(rows) - missing)
    assert all(each.deployed.positives + each.deployed.negatives == each.rows for each in found.slices)
    assert found.overlapping == any(len(name) > 1 for name in names)
