"""The threshold that training chooses."""

import numpy as np
import pytest

from ensemble.training_record import operating_point

RNG = np.random.default_rng(0)
LABELS = (RNG.random(400) < 0.4).astype(float)
POSTERIOR = np.clip(0.3 * LABELS + 0.6 * RNG.random(400), 1e-6, 1 - 1e-6)


@pytest.mark.parametrize("wanted", [0.0, 0.01, 0.05, 0.2, 0.5])
def test_it_is_the_highest_threshold_that_keeps_to_the_wanted_rate(wanted):
    """No more yes rows are passed than were allowed, and one row more would be too many."""
    point = operating_point(POSTERIOR, LABELS, wanted)
    yes = np.sort(POSTERIOR[LABELS == 1])
    assert point.fnr == np.mean(yes < point.threshold) <= wanted
    assert np.mean(yes <= yes[np.searchsorted(yes, point.threshold)]) > wanted
    assert point.fpr == np.mean(POSTERIOR[LABELS == 0] >= point.threshold)
    assert point.fnr_interval[0] <= point.fnr <= point.fnr_interval[1]
    assert (point.positives, point.negatives) == (int(LABELS.sum()), int((1 - LABELS).sum()))


def test_few_yes_rows_give_a_wide_interval():
    """No miss among ten rows does not show a rate of five percent."""
    point = operating_point(np.linspace(0.1, 0.9, 20), np.repeat([0.0, 1.0], 10), 0.05)
    assert point.fnr == 0
    assert point.fnr_interval[1] == pytest.approx(1 - 0.025**0.1)


def test_rounding_at_the_edge_passes_nobody():
    """The threshold lies between two scores, not on one."""
    posterior, labels = np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])
    assert operating_point(posterior, labels, 0.0).threshold == pytest.approx(0.5)
