"""How the adaptive strategy draws: q is exact, none is 0, likeness keeps texts apart, agreement is audited."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.acquisition.adaptive import Adaptive
from miners.acquisition.design import by_likeness, draw, probabilities
from miners.acquisition.settings import AdaptiveSettings
from miners.acquisition.strategy import Answered

NAN = float("nan")


def test_texts_come_as_often_as_their_probability_says(clusters):
    """Over 3,000 draws after some answers, each text's frequency is its q within 4.5 standard errors."""
    pool, labels = clusters(80)
    done = Answered(np.arange(12), labels[:12], np.full(12, NAN))
    strategy, draws = Adaptive(AdaptiveSettings(sharpness=3)), 3_000
    hits, told = np.zeros(80), np.zeros(80)
    for seed in range(draws):
        choice = strategy.choose(pool, done, 9, np.random.default_rng(seed))
        hits[choice.indices] += 1
        told[choice.indices] = choice.probabilities
    assert (told[12:] > 0).all()
    assert told.sum() == pytest.approx(9)
    error = np.sqrt(told * (1 - told) / draws)
    assert (np.abs(hits / draws - told) <= 4.5 * error + 1e-12).all()


def test_estimates_over_rounds_are_unbiased(clusters):
    """Known labels plus 1/q of each new failure estimate all failures in every round, whatever was learned before."""
    pool, labels = clusters(90, seed=4)
    strategy, estimates = Adaptive(), []
    for seed in range(250):
        rng, done = np.random.default_rng(seed), Answered()
        for _ in range(3):
            choice = strategy.choose(pool, done, 8, rng)
            new = ~np.isin(choice.indices, done.indices)
            total = labels[done.indices].sum() + (labels[choice.indices] / choice.probabilities)[new].sum()
            indices = np.concatenate([done.indices, choice.indices[new]])
            done = Answered(indices, labels[indices], np.full(len(indices), NAN))
        estimates.append(total)
    assert abs(np.mean(estimates) - labels.sum()) < 4 * np.std(estimates) / np.sqrt(len(estimates))
    assert done.indices.size == 24


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 70),
    st.floats(0, 0.3),
    st.floats(0.01, 0.3),
    st.floats(0, 0.4),
    st.floats(0, 60),
)
def test_any_values_give_valid_probabilities(texts, places, audit, floor, spread, sharpness):
    """For any values and settings every q lies in (0, 1] and they sum to the places; nothing is below the floor."""
    values, agreed = np.array([v for v, _ in texts]), np.array([a for _, a in texts])
    places = min(places, len(values))
    settings = AdaptiveSettings(audit_share=audit, floor_share=floor, spread_share=spread, sharpness=sharpness)
    q = probabilities(values, agreed, places, settings)
    assert ((q > 0) & (q <= 1)).all()
    assert q.sum() == pytest.approx(places, abs=1e-6)
    assert q.min() >= 0.9 * floor * places / len(values)


def test_the_audit_gets_its_share_of_calm_agreement():
    """Its share of the places goes evenly to agreed texts not above their median value."""
    values, agreed = np.linspace(0.001, 0.5, 100), np.arange(100) < 60
    q = probabilities(
        values, agreed, 10, AdaptiveSettings(audit_share=0.1, floor_share=0.01, spread_share=0, sharpness=30)
    )
    assert q[:30].sum() == pytest.approx(1.0, abs=0.05)
    assert np.ptp(q[:30]) < 1e-9
    assert q[:30].min() > 10 * q[30:60].max()


def test_steeper_is_nearer_to_taking_the_top():
    """With rising sharpness the best texts get more, up to being certain; at 0 all get the same."""
    values = np.linspace(0.01, 1, 100)
    top = [
        probabilities(values, np.zeros(100, bool), 10, AdaptiveSettings(sharpness=s, floor_share=0.05, spread_share=0))[
            -10:
        ].sum()
        for s in (0, 3, 12, 60)
    ]
    assert top == sorted(top)
    assert top[0] == pytest.approx(1.0)
    assert top[-1] > 7


def test_the_spread_follows_the_square_root_of_the_value():
    """With all other shares tiny, a text of four times the value has twice the probability."""
    values = np.array([0.01, 0.04] * 50 + [1.0])
    settings = AdaptiveSettings(audit_share=0, floor_share=0.001, spread_share=0.5, sharpness=100)
    q = probabilities(values, np.zeros(101, bool), 4, settings)
    assert q[1] / q[0] == pytest.approx(2.0, rel=0.03)
    assert q[100] == 1.0


def test_likeness_puts_like_texts_side_by_side():
    """Of texts in five tight clusters, nearly all neighbours in the order are of one cluster."""
    rng = np.random.default_rng(0)
    cluster = rng.permutation(np.repeat(np.arange(5), 40))
    features = (np.eye(5, 8)[cluster] + rng.normal(0, 0.01, (200, 8))).astype(np.float32)
    order = by_likeness(features, rng)
    assert sorted(order.tolist()) == list(range(200))
    assert (np.diff(cluster[order]) != 0).sum() < 20


def test_a_batch_holds_texts_that_differ(pool):
    """Five clusters, ten places, values alike: systematic draws take about two of each, random ones do not."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(5), 40)
    features = (np.eye(5, 8)[cluster] + rng.normal(0, 0.01, (200, 8))).astype(np.float32)
    made = pool(np.full((200, 2), 0.1), features=features)
    chances, left = np.full(200, 0.05), np.arange(200)

    def unevenness(places):
        return np.bincount(cluster[places], minlength=5).var()

    ours = np.mean([unevenness(draw(chances, made, left, rng)) for _ in range(200)])
    chance = np.mean([unevenness(rng.permutation(200)[:10]) for _ in range(200)])
    assert ours < 0.35 * chance


def test_more_than_all_cannot_be_shared_out():
    """The shares are named with their sum."""
    with pytest.raises(ValueError, match=r"come to 1\.2; together they have at most 1"):
        AdaptiveSettings(audit_share=0.6, floor_share=0.3, spread_share=0.3)
