"""What the strategies without memory rank by, against values worked out by hand."""

import numpy as np
import pytest

from ensemble.disagreement import jensen_shannon
from miners.acquisition.consensus_entropy import consensus_entropy
from miners.acquisition.max_kl import max_kl
from miners.acquisition.registry import strategies
from miners.acquisition.strategy import Answered
from miners.acquisition.vote_entropy import vote_entropy

NAN = float("nan")
HALF = np.array([0.5, 0.5, 0.5, 0.5])


def test_vote_entropy_counts_votes_only():
    """One yes of four is 0.811 bits, two of four one bit, a unanimous vote nothing, whatever the numbers."""
    found = vote_entropy(np.array([[0.9, 0.1, 0.1, 0.1], [0.9, 0.5, 0.4, 0.1], [0.49, 0.0, 0.4, 0.1]]), HALF)
    assert found == pytest.approx([0.25 * 2 + 0.75 * np.log2(4 / 3), 1.0, 0.0])


def test_vote_entropy_uses_each_members_own_threshold():
    """At its threshold a member votes yes, just under it no."""
    found = vote_entropy(np.array([[0.2, 0.69], [0.19, 0.7]]), np.array([0.2, 0.7]))
    assert found == pytest.approx([1.0, 1.0])


def test_consensus_entropy_is_that_of_the_mean():
    """A mean of 0.5 is one bit, be the members unsure or at odds; a mean of 0.25 is 0.811."""
    found = consensus_entropy(np.array([[0.5, 0.5], [0.0, 1.0], [0.5, 0.0], [1.0, 1.0]]))
    assert found == pytest.approx([1.0, 1.0, 0.8112781, 0.0], abs=1e-6)


def test_max_kl_is_the_divergence_of_the_farthest_member():
    """Members at 0.1, 0.1 and 0.7 have mean 0.3: the third is farthest, by 0.7 log(7/3) + 0.3 log(3/7)."""
    expected = 0.7 * np.log2(7 / 3) + 0.3 * np.log2(3 / 7)
    assert max_kl(np.array([[0.1, 0.1, 0.7], [0.2, 0.2, 0.2]])) == pytest.approx([expected, 0.0], abs=1e-12)


def test_jensen_shannon_is_the_mean_divergence_from_the_mean():
    """As in McCallum and Nigam: the mean of the members' KL divergences from their mean."""
    p = np.array([0.1, 0.3, 0.8])
    mean = p.mean()
    kl = p * np.log2(p / mean) + (1 - p) * np.log2((1 - p) / (1 - mean))
    assert jensen_shannon(p[None, :]) == pytest.approx([kl.mean()])


@pytest.mark.parametrize(
    "measure",
    [consensus_entropy, max_kl, lambda p: vote_entropy(p, HALF[:3])],
    ids=["consensus entropy", "maximum KL", "vote entropy"],
)
def test_who_did_not_answer_is_left_out(measure):
    """A silent member changes nothing, and where fewer than two answered, or none, there is no nan."""
    full, silent = np.array([[0.2, 0.7]]), np.array([[0.2, 0.7, NAN]])
    short = np.array([0.5, 0.5])
    expected = vote_entropy(full, short) if "lambda" in measure.__name__ else measure(full)
    assert measure(silent) == pytest.approx(expected)
    assert not np.isnan(measure(np.array([[NAN, NAN, NAN], [0.4, NAN, NAN]]))).any()


def test_the_margin_takes_what_is_just_under_the_threshold(pool):
    """Passed texts by the deployed member's score, highest first; flagged and unscored ones come last."""
    given = pool([[0.29, 0.9], [0.3, 0.9], [0.1, 0.9], [NAN, 0.9]], thresholds=0.3)
    chosen = strategies()["deployed-margin"].choose(given, Answered(), 4, np.random.default_rng(0))
    assert chosen.indices[:2].tolist() == [0, 2]
    assert set(chosen.indices[2:].tolist()) == {1, 3}


def test_the_posterior_counts_passed_texts_first(pool):
    """Passed texts by P(yes), highest first, then flagged ones by P(no)."""
    given = pool([[0.1], [0.1], [0.9], [0.9]], posterior=[0.2, 0.6, 0.7, 0.99])
    chosen = strategies()["stacked-posterior"].choose(given, Answered(), 4, np.random.default_rng(0))
    assert chosen.indices.tolist() == [1, 0, 2, 3]
