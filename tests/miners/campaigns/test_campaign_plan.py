"""Spreading budget and queue over rounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idle_source import IdleSource

from miners.campaigns.budget import affordable
from miners.campaigns.intake import Intake
from miners.campaigns.plan import ahead, places, round_target
from miners.campaigns.spec import CampaignSpec, Tally


def _spec(**fields):
    return CampaignSpec(task="t", deployed="m", **fields)


@given(
    st.integers(1, 3000),
    st.integers(1, 300),
    st.integers(1, 400),
    st.integers(8, 20_000),
    st.integers(1, 8),
    st.integers(1, 30),
)
def test_rounds_fill_the_queue_exactly(left, queue_size, round_size, budget, members, least):
    """Whatever the numbers, known sources fill the queue to min(N, texts), at least one place a round, never over."""
    spec = _spec(budget=budget, queue_size=queue_size, round_size=round_size, places=least)
    source, tally = IdleSource(left=left), Tally()
    intake = Intake([source], spec)
    total = min(left, budget // members)
    while affordable(spec, tally) and source._left and tally.queued < queue_size:
        target = round_target(spec, tally, intake)
        assert target >= round_size
        tally.members = members
        scored = min(target, affordable(spec, tally), source._left)
        if not scored:
            break
        source._left -= scored
        tally.scored += scored
        tally.proposed += scored
        tally.member_calls += scored * members
        found = places(spec, tally, intake, scored)
        assert 1 <= found <= queue_size - tally.queued
        tally.queued += found
    assert tally.member_calls <= budget
    assert tally.queued == min(queue_size, total)


def test_duplicates_are_foreseen():
    """The texts still to come shrink by the share that was left out so far; an endless source counts as the budget."""
    spec = _spec(budget=4_000, queue_size=10)
    tally = Tally(proposed=200, scored=100, member_calls=400, members=4)
    assert ahead(spec, tally, Intake([IdleSource(left=300)], spec)) == 150
    assert ahead(spec, tally, Intake([IdleSource()], spec)) == 900


def test_calls_that_a_cascade_saves_are_foreseen():
    """Where texts cost less than all members, more are to come; none once the budget may not pay for another one."""
    spec = _spec(budget=1_000, queue_size=10)
    intake = Intake([IdleSource()], spec)
    assert ahead(spec, Tally(proposed=100, scored=100, member_calls=250, members=4), intake) == 300
    assert affordable(spec, Tally(proposed=100, scored=100, member_calls=250, members=4)) == 187
    assert ahead(spec, Tally(proposed=400, scored=400, member_calls=997, members=4), intake) == 0


def test_no_remnant_of_a_round_is_left():
    """What is to come is cut into equal rounds instead of full ones and a small last one."""
    spec = _spec(budget=100_000, queue_size=100, round_size=100, places=1)
    assert round_target(spec, Tally(members=4), Intake([IdleSource(left=310)], spec)) == 104


@pytest.mark.parametrize(("name", "expected"), [("corpus:a.txt", 2.0), ("rewrite:dilution", 0.5), ("completions", 1.0)])
def test_shares_go_by_full_name_then_by_kind(name, expected):
    """A share is looked up by the full name, then by the kind, and is 1 otherwise."""
    assert _spec(shares={"corpus": 2.0, "rewrite": 0.0, "rewrite:dilution": 0.5}).share(name) == expected
