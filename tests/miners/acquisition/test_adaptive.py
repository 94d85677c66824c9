"""The adaptive strategy learns, explores, weighs severity, and asks again where that is worth more."""

import numpy as np
import pytest

from miners.acquisition.adaptive import Adaptive
from miners.acquisition.belief import believe
from miners.acquisition.kernel import Points, Scales, covariance, variance
from miners.acquisition.second_votes import second_vote_values
from miners.acquisition.settings import AdaptiveSettings
from miners.acquisition.severity import expected_severity
from miners.acquisition.strategy import Answered
from miners.acquisition.tally import Tally

NAN = float("nan")


def _answers(places, labels, severity=None):
    given = np.full(len(places), NAN) if severity is None else np.array(severity, dtype=float)
    return Answered(np.array(places, dtype=np.intp), np.array(labels, dtype=float), given)


def _tally(places, labels, severity=None):
    return Tally.of(_answers(places, labels, severity))


def _spend(strategy, pool, labels, count, seed=0):
    rng, done = np.random.default_rng(seed), Answered()
    while len(done.indices) < count:
        chosen = strategy.choose(pool, done, 10, rng).indices
        indices = np.concatenate([done.indices, chosen])
        done = Answered(indices, labels[indices], np.full(len(indices), NAN))
    return labels[np.unique(done.indices)].sum()


def test_answers_are_counted_by_text():
    """Yes, no and unsure by text, the share of yes among those who could say, and the mean of the severities."""
    tally = _tally([7, 3, 7, 3, 5], [1, NAN, 0, 1, NAN], [4, NAN, 2, NAN, NAN])
    assert tally.indices.tolist() == [3, 5, 7]
    assert (tally.yes.tolist(), tally.no.tolist(), tally.unsure.tolist()) == ([1, 0, 1], [0, 0, 1], [1, 1, 0])
    assert tally.share.tolist()[::2] == [1.0, 0.5]
    assert np.isnan(tally.share[1])
    assert tally.severity[2] == 3.0
    assert tally.only(tally.is_decided).indices.tolist() == [3, 7]


def test_before_any_answer_belief_is_three_opinions_pooled(pool):
    """Nothing answered, or by nobody who could say: posterior, mean of the members and deployed member, in logits."""
    given = pool([[0.1, 0.2], [0.3, 0.4]], posterior=[0.15, 0.6])
    own = given.members.index(given.deployed)
    expected = [_pooled(0.15, 0.15, (0.1, 0.2)[own]), _pooled(0.6, 0.35, (0.3, 0.4)[own])]
    assert believe(given, _tally([], []), [Scales()]).yes == pytest.approx(expected)
    assert believe(given, _tally([1], [NAN]), [Scales()]).yes == pytest.approx(expected)


def test_members_that_did_not_answer_have_no_opinion(pool):
    """The mean is over those that answered; without the deployed member's number two opinions are left."""
    given = pool([[NAN, NAN]], posterior=[0.3])
    assert believe(given, _tally([], []), [Scales()]).yes == pytest.approx([0.3])


def _pooled(*opinions):
    logits = [np.log(p / (1 - p)) for p in opinions]
    return 1 / (1 + np.exp(-np.mean(logits)))


def test_an_answer_speaks_for_texts_like_it(pool):
    """A yes raises its like by much, the unlike by little; a no lowers them; certainty grows where it was asked."""
    features = [[1, 0], [0.99, 0.1], [-1, 0]]
    given = pool(np.full((3, 2), 0.1), features=features)
    for label, sign in ((1, 1), (0, -1)):
        belief = believe(given, _tally([0], [label]), [Scales()])
        moved = sign * (belief.mean - np.log(0.1 / 0.9))
        assert moved[1] > 2 * moved[2] > 0
        assert belief.deviation[0] < belief.deviation[1] < belief.deviation[2]


def test_the_variance_is_the_diagonal_of_the_covariance(clusters):
    """Also where members did not answer and texts have no features."""
    pool, _ = clusters(30)
    pool.probabilities[3, 1] = NAN
    pool.features[5] = 0
    points = Points.of(pool)
    scales = Scales(text=1.3, reach=0.7)
    expected = np.diag(covariance(points, points, scales))
    found = variance(points, scales)
    assert np.delete(found, 5) == pytest.approx(np.delete(expected, 5), rel=1e-6)
    assert found[5] == pytest.approx(expected[5], rel=1e-6)


def test_what_the_others_say_of_an_answered_text_is_nearly_what_leaving_it_out_says(clusters):
    """The cavity agrees with fitting again without the answer."""
    pool, labels = clusters(200, seed=2)
    places = np.arange(60)
    belief = believe(pool, _tally(places, labels[:60]), [Scales()])
    again = [
        believe(pool, _tally(np.delete(places, i), np.delete(labels[:60], i)), [Scales()]).yes[i] for i in range(60)
    ]
    assert np.corrcoef(belief.others, again)[0, 1] > 0.98
    assert np.abs(belief.others - again).max() < 0.1


def test_evidence_prefers_a_reach_that_fits(clusters):
    """Where failures crowd in clusters, belief with the setting chosen by evidence tells them apart."""
    pool, labels = clusters(600, bad=(1, 5), rate=0.9)
    belief = believe(pool, _tally(np.arange(200), labels[:200]), [Scales(text=0.0), Scales(text=4.0)])
    rest = labels[200:]
    assert belief.yes[200:][rest == 1].mean() > 5 * belief.yes[200:][rest == 0].mean()


def test_it_finds_a_cluster_that_no_member_sees(clusters):
    """With 150 labels it finds half as much again as the posterior, on average over seeds."""
    from miners.acquisition.stacked_posterior import StackedPosterior

    ours, theirs = [], []
    for seed in range(4):
        pool, labels = clusters(900, seed=seed)
        ours.append(_spend(Adaptive(), pool, labels, 150, seed))
        theirs.append(_spend(StackedPosterior(), pool, labels, 150, seed))
    assert np.mean(ours) > 1.5 * np.mean(theirs)


def test_false_alarms_are_worth_less_than_misses(pool):
    """A flagged text that is believed to be no is worth its share of a passed one as surely yes."""
    given = pool([[0.1], [0.9], [0.1]], posterior=[0.9, 0.1, 0.01])
    settings = AdaptiveSettings(exploration=0.0, false_alarm=0.25)
    belief = believe(given, _tally([], []), [Scales()])
    expected = [belief.yes[0], 0.25 * (1 - belief.yes[1]), belief.yes[2]]
    assert Adaptive(settings).values(given, belief) == pytest.approx(expected)


def test_unknown_texts_are_looked_at_with_hope(pool):
    """Exploration lifts a text far from all answers above one of the same mean close to them."""
    given = pool(np.full((3, 2), 0.1), features=[[1, 0], [0.999, 0.01], [-1, 0]], posterior=[0.1, 0.1, 0.1])
    belief = believe(given, _tally([0], [0]), [Scales()])
    bold, plain = (Adaptive(AdaptiveSettings(exploration=e)).values(given, belief) for e in (1.0, 0.0))
    assert bold[2] / plain[2] > bold[1] / plain[1] > 1


def test_severe_failures_come_first_once_severity_is_known(pool):
    """Texts like a grave failure are worth more than texts like a slight one; unknown severity weighs nothing."""
    given = pool(np.full((4, 2), 0.1), features=[[1, 0], [-1, 0], [0.99, 0.1], [-0.99, 0.1]])
    assert expected_severity(given, _tally([0, 1], [1, 1])) is None
    assert expected_severity(given, _tally([0, 1], [0, 0], [0, 0])) is None
    found = expected_severity(given, _tally([0, 1], [1, 1], [4, 1]))
    assert found[2] > 0.7
    assert found[3] < 0.5
    flat = pool(np.full((4, 2), 0.1))
    assert expected_severity(flat, _tally([0, 1], [1, 1], [4, 1])) == pytest.approx([0.625] * 4)


def _value(places, labels, others, **settings):
    tally = _tally(places, labels)
    return second_vote_values(
        tally, np.full(len(tally.indices), others), np.ones(len(tally.indices)), AdaptiveSettings(**settings)
    )


def test_a_doubtful_answer_is_worth_a_second_vote():
    """A no where all else says 0.9 is wrong with 0.05 * 0.9 / (0.05 * 0.9 + 0.95 * 0.1) if raters err in 5 %."""
    assert _value([0], [0], 0.9, rater_error=0.05) == pytest.approx([0.045 / (0.045 + 0.095)])
    assert _value([0], [1], 0.1, rater_error=0.05) == pytest.approx([0.045 / (0.045 + 0.095)])
    assert _value([0], [0], 0.01, rater_error=0.05)[0] < 0.001


def test_answers_that_cannot_be_wrong_are_never_asked_again():
    """With no rater error a decided text has no second vote."""
    assert _value([0, 1], [0, 1], 0.9, rater_error=0.0) == pytest.approx([0, 0], abs=1e-9)


def test_ambiguous_texts_are_dropped():
    """One who could not say leaves half a chance; two of them, a clear majority or spent votes leave none."""
    assert _value([0], [NAN], 0.8) == pytest.approx([0.4])
    assert _value([0, 0], [NAN, NAN], 0.8).tolist() == [0.0]
    assert _value([0, 0], [0, 0], 0.9).tolist() == [0.0]
    assert _value([0, 0, 0], [0, 1, NAN], 0.9, max_votes=3).tolist() == [0.0]
    assert _value([0, 0], [0, 1], 0.7) == pytest.approx([0.7])


def test_a_second_vote_takes_a_place_only_where_it_is_worth_more(pool):
    """Calm texts left: the doubtful no is asked again, with q = 1; promising ones left: it is not."""
    table = np.full((60, 2), 0.1)
    for posterior, asked_again in ((0.001, True), (0.6, False)):
        given = pool(table, posterior=[0.97] + [posterior] * 59)
        choice = Adaptive().choose(given, _answers([0], [0]), 10, np.random.default_rng(0))
        assert (0 in choice.indices.tolist()) is asked_again
        assert len(choice.indices) == 10
        if asked_again:
            assert choice.probabilities[choice.indices.tolist().index(0)] == 1.0


def test_origins_teach(pool):
    """After answers, texts of an origin that yields failures are believed in more than others."""
    given = pool(np.full((40, 2), 0.1), origins=["rewrite:a", "corpus"] * 20)
    belief = believe(given, _tally(range(20), [1, 0] * 10), [Scales()])
    assert belief.yes[20] > 2 * belief.yes[21]


def test_beyond_its_limit_belief_keeps_all_failures(clusters, monkeypatch):
    """With room for 40 of 120 answers it still tells bad clusters from good ones."""
    monkeypatch.setattr("miners.acquisition.belief.MOST", 40)
    pool, labels = clusters(400, bad=(1, 5), rate=0.9)
    assert labels[:120].sum() < 40
    belief = believe(pool, _tally(np.arange(120), labels[:120]), [Scales()])
    rest = labels[120:]
    assert belief.yes[120:][rest == 1].mean() > 2 * belief.yes[120:][rest == 0].mean()
    assert belief.others.shape == (120,)
