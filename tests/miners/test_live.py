"""Live traffic as a source: order, provenance, going on, limits."""

import json

import pytest

from ensemble.text import identity
from miners.errors import StoreUnavailableError
from miners.proposer import Learns, Proposer
from miners.queue.memory_traffic import MemoryTraffic
from miners.queue.traffic import Limits, Report, Sighting, key_of
from miners.sources.live import LiveTraffic

HOUR = 3_600_000


@pytest.fixture
def store():
    """Two windows: an older one of 12 texts, all kept, and a newer one with 8 of 40."""
    made = MemoryTraffic(Limits(texts=8, window_ms=HOUR))
    state = made.state()
    newest = Limits(window_ms=HOUR).window(state.now_ms)
    for window, texts in ((newest - HOUR, [f"old {i}" for i in range(6)]), (newest, [f"new {i}" for i in range(40)])):
        sightings = []
        for text in texts:
            served = {"decision": "pass", "probability": 0.1, "disagreement": 0.0}
            payload = {"text": text, "context": "before", "first_at": window, "served": served}
            text_id = identity(text, "before")
            sightings.append(Sighting(text_id, key_of(state.salt, window, text_id), 3, json.dumps(payload)))
        made.add(Report("p", window, state.salt, window, seen=3 * len(texts), texts=sightings))
    return made


def _all(source, size=3):
    found = []
    while batch := source.propose(size):
        assert len(batch) <= size
        found += batch
    return found


def test_the_newest_window_comes_first_with_its_probability(store):
    """All kept texts are proposed once, each with the probability of its window, its count and what was answered."""
    newest, older = store.windows()
    found = _all(LiveTraffic(store))
    assert [candidate.text.text[:3] for candidate in found] == ["new"] * 8 + ["old"] * 6
    first, last = found[0].provenance, found[-1].provenance
    assert (first.source, first.family) == ("live", found[0].text.id)
    assert first.meta["sampling_probability"] == newest.probability < 1
    assert last.meta["sampling_probability"] == older.probability == 1
    assert (first.meta["times"], first.meta["served"]["decision"]) == (3, "pass")
    assert first.meta["window"] == newest.begins.isoformat()
    assert found[0].text.context == "before"


def test_it_goes_on_from_any_position(store):
    """Restored from its state, it gives the rest."""
    whole = [candidate.text.text for candidate in _all(LiveTraffic(store))]
    for cut in range(15):
        first = LiveTraffic(store)
        taken = [candidate.text.text for candidate in first.propose(cut)]
        second = LiveTraffic(store)
        second.restore(json.loads(json.dumps(first.state())))
        assert second.expected(100) == 14 - cut
        assert taken + [candidate.text.text for candidate in _all(second)] == whole


def test_the_limit_ends_it(store):
    """No more texts than allowed."""
    source = LiveTraffic(store, limit=5)
    assert source.expected(100) == 5
    assert len(_all(source)) == 5
    assert (source.expected(100), source.propose(3)) == (0, [])


def test_an_empty_sample_gives_nothing():
    """Where nothing is kept the source is done at once."""
    source = LiveTraffic(MemoryTraffic())
    assert (source.expected(9), source.propose(9), source.state()["window"]) == (0, [], None)


def test_a_window_that_is_cleared_meanwhile_is_passed_over(store):
    """Reading goes on with what is left, or ends."""
    source = LiveTraffic(store)
    source.propose(2)
    store.clear()
    assert source.propose(9) == []


def test_patience_stands_between_it_and_the_store(store):
    """Every call to the store goes through it, so that a short absence does not cost the source."""
    calls = []

    def patience(call):
        calls.append(call)
        return call()

    LiveTraffic(store, patience=patience).propose(10)
    assert len(calls) == 3


def test_while_the_store_is_away_it_does_not_know_how_much_is_left(store, monkeypatch):
    """Unknown is not nothing."""

    def away():
        raise StoreUnavailableError("away")

    source = LiveTraffic(store)
    monkeypatch.setattr(store, "windows", away)
    assert source.expected(10) is None


def test_it_is_a_proposer(store):
    """It has the faces that a campaign wants, and learns nothing."""
    source: Proposer = LiveTraffic(store)
    assert source.name == "live"
    assert not isinstance(source, Learns)
