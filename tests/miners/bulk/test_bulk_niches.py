"""Niches: every text falls into one, priorities are a campaign's, nearly equal scores fall alike."""

import numpy as np
import pytest

from ensemble.calibration import logit, sigmoid
from ensemble.errors import InputError
from ensemble.panel import Asked, fit_joint
from ensemble.scorer import Member
from miners.bulk.niches import AGREED, BANDS, FLAGGED, Niches, niche_count
from miners.ranking import Weights, rank

NAMES = ("encoder", "judge", "keyword", "words")
CHEAP = ("encoder", "keyword", "words")


@pytest.fixture
def joint():
    """A panel of three cheap members and a judge, with a vote threshold of the encoder's own."""
    rng = np.random.default_rng(0)
    labels = (rng.random(300) < 0.3).astype(float)
    probabilities = sigmoid(rng.normal(0, 1.5, (300, 4)) + 2.5 * labels[:, None] - 1.5)
    fitted = fit_joint(probabilities, labels, members=NAMES, deployed="encoder")
    return fitted.model_copy(update={"votes": {"encoder": 0.3}})


@pytest.fixture
def scores():
    """P(yes) of the cheap members for 500 texts, of all shades."""
    return sigmoid(np.random.default_rng(1).normal(-1, 2.5, (500, 3)))


def test_priorities_are_those_of_a_campaign(joint, scores):
    """The vectorised priority is what `rank` says of the verdict that the cheap members alone would make."""
    placed = Niches(joint, CHEAP, Weights()).place(scores)
    full = np.full((500, 4), np.nan)
    full[:, [0, 2, 3]] = placed.probabilities
    skipped = Asked(np.isnan(full), np.ones(500))
    members = [Member(name, name, "0") for name in NAMES]
    ranked = [rank(v, "encoder") for v in joint.join([""] * 500, full, members, skipped)]
    assert placed.priorities == pytest.approx([item.value for item in ranked])
    assert [niche != FLAGGED for niche in placed.niches] == [item.deployed_passed for item in ranked]


def test_niches_name_who_is_against_and_the_band(joint, scores):
    """The name tells the votes and the band; together they are as many as are counted on."""
    niches = Niches(joint, CHEAP, Weights())
    placed = niches.place(scores)
    for name, row, priority in zip(placed.niches, placed.probabilities, placed.priorities, strict=True):
        if row[0] < 0.3:
            against, band = name.split("/")
            assert against == ("+".join(n for n, p in zip(CHEAP[1:], row[1:], strict=True) if p >= 0.5) or "nobody")
            assert sum(priority >= edge for edge in BANDS) == int(band)
        else:
            assert name == FLAGGED
    assert len(set(placed.niches)) <= niche_count(3) == 17


def test_weights_grow_with_priority_but_for_the_agreed(joint, scores):
    """Weights are in (0, 1], never decrease with priority within a niche, and are equal in the agreed one."""
    placed = Niches(joint, CHEAP, Weights()).place(scores)
    assert ((placed.weights > 0) & (placed.weights <= 1)).all()
    for niche in set(placed.niches):
        inside = np.array([name == niche for name in placed.niches])
        ordered = placed.weights[inside][np.argsort(placed.priorities[inside])]
        assert (np.diff(ordered) >= 0).all()
        assert niche != AGREED or (ordered == 1).all()
    assert AGREED in placed.niches


def test_the_last_digits_of_a_score_change_nothing(joint, scores):
    """A text that another batch gave a score off by rounding has the same weight and niche."""
    niches = Niches(joint, CHEAP, Weights())
    rounded = sigmoid(np.round(logit(scores), 3))
    placed, again = niches.place(rounded), niches.place(sigmoid(logit(rounded) + 1e-6))
    assert (placed.weights == again.weights).all()
    assert placed.niches == again.niches


def test_the_deployed_member_must_be_among_them(joint):
    """Without it nothing can be said about what it passes."""
    with pytest.raises(InputError, match="deployed member 'encoder' is not among"):
        Niches(joint, ("keyword",), Weights())
