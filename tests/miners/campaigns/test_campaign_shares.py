"""Whose turn it is among many proposers of one kind."""

from collections import Counter

import pytest
from idle_source import IdleSource

from miners.campaigns.intake import Intake, shares_of
from miners.campaigns.spec import CampaignSpec

OPERATORS = [f"rewrite:{letter}" for letter in "abcdefghij"]


def _spec(**fields):
    return CampaignSpec(task="t", deployed="m", **fields)


def _given(spec, texts, at_once=16):
    """Texts that each proposer has given after so many in all."""
    intake = Intake([IdleSource(name) for name in ("corpus:x", "completions", *OPERATORS)], spec)
    given = intake.state.given
    while sum(given.values()) < texts:
        name = intake.next_name()
        given[name] = given.get(name, 0) + at_once
    return Counter(given)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({}, {"corpus:x": 1.0, "rewrite:a": 0.5, "rewrite:b": 0.5, "rewrite:c": 0.5, "rewrite:d": 0.5}),
        (
            {"rewrite": 1.0, "rewrite:a": 3.0},
            {"corpus:x": 1.0, "rewrite:a": 3.0, **dict.fromkeys(["rewrite:b"], 1 / 3)},
        ),
        ({"rewrite": 0.0, "rewrite:a": 1.0}, {"rewrite:a": 1.0, "rewrite:b": 0.0}),
        ({"corpus": 0.0}, {"corpus:x": 0.0}),
    ],
)
def test_operators_that_no_share_names_divide_the_share_of_their_kind(shares, expected):
    """Named ones keep their own share; the others get equal parts of what is for rewrites, 2 unless said otherwise."""
    found = shares_of(["corpus:x", "rewrite:a", "rewrite:b", "rewrite:c", "rewrite:d"], _spec(shares=shares))
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_many_operators_together_get_the_share_of_their_kind():
    """In a long campaign rewrites give as often as corpus and completions together, all operators alike."""
    given = _given(_spec(), 8_000)
    rewrites = [given[name] for name in OPERATORS]
    assert sum(rewrites) == pytest.approx(4_000, abs=200)
    assert max(rewrites) - min(rewrites) <= 32


def test_a_short_campaign_draws_its_operators_by_the_seed():
    """Where not all get a turn, the kind still has its share over seeds, and other seeds draw other operators."""
    counts, drawn = Counter(), Counter()
    for seed in range(60):
        given = _given(_spec(seed=seed), 128)
        counts.update("rewrite" if name in OPERATORS else name for name in given.elements())
        drawn.update(name for name in OPERATORS if given[name])
    assert counts["rewrite"] / counts.total() == pytest.approx(0.5, abs=0.1)
    assert set(drawn) == set(OPERATORS)
    assert _given(_spec(seed=3), 128) == _given(_spec(seed=3), 128)
