"""Campaigns that run at the same time: what one queues, the other neither queues nor scores again."""

import pytest

from miners.campaigns.campaign import Campaign
from miners.campaigns.scoring import Patience
from miners.campaigns.spec import CampaignSpec
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue

SPEC = CampaignSpec(task="injury", deployed="encoder", queue_size=12, round_size=60, batch_size=20, seed=4)


class Rival:
    """A queue into which somebody else puts texts right before our own come in; ours may come in two parts."""

    def __init__(self, queue, items, *, after=0):
        self._queue, self._items, self._after = queue, items, after

    def __getattr__(self, name):
        return getattr(self._queue, name)

    def enqueue(self, items, *, looked=None):
        rival, self._items = self._items, []
        if not rival:
            return self._queue.enqueue(items, looked=looked)
        done = self._queue.enqueue(items[: self._after], looked=looked) if self._after else []
        self._queue.enqueue(rival)
        return done + self._queue.enqueue(items[self._after :], looked=looked + self._after)


@pytest.fixture
def run(scorer, source):
    """Runs a campaign over one source; its queue's items in order of arrival, and its summary."""

    def go(texts, queue, *, name="c", spec=SPEC, store=None, score=None):
        campaign = Campaign(
            name,
            spec,
            proposers=[source("corpus:a", texts)],
            score=score or scorer,
            queue=queue,
            ledger=queue,
            store=store or MemoryCampaigns(),
            patience=Patience(sleep=lambda _: None),
        )
        summary = campaign.run()
        return [item.new for item in queue.arrived(count=1_000)], summary

    return go


def test_what_another_queues_at_the_same_moment_is_withdrawn(run, sentences, new_item_of):
    """Texts of the round that somebody else was quicker with are left out, and places and chances are decided anew."""
    texts = [f"{text} {text[::-1]} and so on" for text in sentences(60)]
    peace, _ = run(texts, MemoryQueue("injury"))
    taken = [peace[0].text, texts[texts.index(peace[1].text)] + " more"]
    rival = Rival(MemoryQueue("injury"), [new_item_of(text) for text in taken])
    found, summary = run(texts, rival)
    ours = [item for item in found if item.provenance.campaign == "c"]
    assert summary.withdrawn == 2
    assert summary.queued == len(ours) == 12
    assert not {peace[0].text, peace[1].text} & {item.text for item in ours}
    assert all(0 < item.selection_probability <= 1 for item in ours)


def test_a_selection_queued_in_part_is_kept(run, sentences, new_item_of):
    """Where some of a selection is queued already, it stands; only what somebody else brought meanwhile is left out."""
    texts = [f"{text} {text[::-1]} and so on" for text in sentences(60)]
    peace, _ = run(texts, MemoryQueue("injury"))
    rival = Rival(MemoryQueue("injury"), [new_item_of(peace[-1].text + " more")], after=5)
    found, summary = run(texts, rival)
    ours = [item for item in found if item.provenance.campaign == "c"]
    assert [item.text for item in ours] == [item.text for item in peace[:-1]]
    assert summary.queued == len(ours) == 11


def test_what_another_queued_before_is_not_scored(run, scorer, sentences, new_item_of):
    """Texts that arrive while the campaign runs are not scored any more when its own source brings them later."""
    texts, queue, asked = sentences(60), MemoryQueue("injury"), []

    def score(batch):
        if not asked:
            queue.enqueue([new_item_of(text) for text in texts[40:50]])
        asked.extend(text.text for text in batch)
        return scorer(batch)

    found, summary = run(texts, queue, score=score)
    assert summary.exact_duplicates == 10
    assert not set(asked) & set(texts[40:50])
    assert len({item.id for item in found}) == 22


def test_two_campaigns_step_by_step(scorer, source, sentences):
    """Two campaigns over the same texts, each closing its round while the other scores, share them out."""
    texts, queue, store = sentences(200), MemoryQueue("injury"), MemoryCampaigns()
    spec = SPEC.model_copy(update={"queue_size": 40, "places": 4, "round_size": 20})
    others = []

    def make(name, score):
        return Campaign(
            name,
            spec,
            proposers=[source("corpus:a", texts)],
            score=score,
            queue=queue,
            ledger=queue,
            store=store,
            patience=Patience(sleep=lambda _: None),
        )

    def interrupted(batch):
        if len(others) == 0 and len(scorer.asked) > 30:
            others.append(make("second", scorer).run())
        return scorer(batch)

    first = make("first", interrupted).run()
    (second,) = others
    names = [item.new.provenance.campaign for item in queue.arrived(count=1_000)]
    assert (names.count("first"), names.count("second")) == (first.queued, second.queued) == (40, 40)
    assert first.exact_duplicates + first.withdrawn > 0


def test_asked_to_stop_by_the_store_it_stops(run, scorer, sentences):
    """Anybody who has the store can stop a campaign after its batch; told to go on, it goes on behind it."""
    texts, queue, store = sentences(200), MemoryQueue("injury"), MemoryCampaigns()

    def score(batch):
        if len(scorer.asked) == 20:
            store.halt("c")
        return scorer(batch)

    _, stopped = run(texts, queue, store=store, score=score)
    assert (stopped.ended, stopped.scored) == ("stopped", 40)
    assert run(texts, queue, store=store)[1].scored == 40
    store.halt("c", halted=False)
    _, summary = run(texts, queue, store=store)
    assert (summary.ended, summary.scored, summary.queued) == ("queue full", 200, 12)
    assert len(scorer.asked) == len(set(scorer.asked)) == 200
