"""Where each finding came from and what it cost, as of the moment that somebody asks."""

import pytest

from ensemble.text import Text
from miners.campaigns.campaign import Campaign
from miners.campaigns.report import NOBODY, campaign_report, pairs, standing
from miners.campaigns.scoring import Patience
from miners.campaigns.spec import CampaignSpec
from miners.candidate import Candidate, Provenance
from miners.errors import CampaignError
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer

SPEC = CampaignSpec(task="injury", deployed="encoder", queue_size=24, round_size=40, batch_size=10, places=4, seed=1)


class Rewritten:
    """Texts that two operators made."""

    name = "rewrite:both"

    def __init__(self, texts):
        self._texts, self._at = texts, 0

    def propose(self, count):
        found = self._texts[self._at : self._at + count]
        self._at += len(found)
        origin = {"source": self.name, "operators": ("typos", "dilution")}
        return [Candidate(Text(text), Provenance(**origin, family=text)) for text in found]

    def expected(self, limit):
        return min(limit, len(self._texts) - self._at)

    def observe(self, scored):
        pass

    def state(self):
        return {"at": self._at}

    def restore(self, state):
        self._at = state["at"]


@pytest.fixture
def world(scorer, source, sentences):
    """A campaign of corpus and rewrites over stores of its own; `run` runs it, perhaps only a while."""

    class World:
        queue, store = MemoryQueue("injury"), MemoryCampaigns()

        def run(self, stopping=None):
            return Campaign(
                "c",
                SPEC,
                proposers=[source("corpus:a", sentences(80)), Rewritten(sentences(40, 1))],
                score=scorer,
                queue=self.queue,
                ledger=self.queue,
                store=self.store,
                stopping=stopping,
                patience=Patience(sleep=lambda _: None),
            ).run()

        def report(self):
            return campaign_report(self.store, self.queue.items(), "c")

        def answer(self, answer, count=100):
            for lease in self.queue.lease("ann", count=count, seconds=9, request_id=answer):
                self.queue.answer(lease.lease_id, "ann", NewAnswer(answer=answer))

    return World()


def test_findings_are_told_by_source_operator_and_pair(world, new_item_of):
    """Each finding stands under its source, its operators and the members who disagreed, with what it cost."""
    world.queue.enqueue([new_item_of("queued by nobody's campaign")])
    summary = world.run()
    assert world.report().findings.labelled == 0
    assert world.report().total.calls_per_finding is None
    world.answer("yes")
    report = world.report()
    own = [item for item in world.queue.items() if item.new.provenance.campaign == "c"]
    missed = [item for item in own if item.new.deployed_passed]
    assert (report.total.queued, report.total.labelled) == (24, 24)
    assert (report.findings.fn, report.findings.fp) == (len(missed), 0)
    assert report.total.calls == summary.spent == 480
    assert report.total.calls_per_finding == pytest.approx(480 / len(missed))
    assert sum(each.fn for each in report.by_source.values()) == len(missed)
    assert set(report.by_operator) == {"typos", "dilution"}
    assert report.by_operator["typos"] == report.by_operator["dilution"] == report.by_source["rewrite:both"]
    assert report.by_source["corpus:a"].calls == 320
    assert report.by_source["corpus:a"].scored == 80
    for pair, each in report.by_pair.items():
        expected = [item for item in missed if pair in pairs(item.new.verdict, "encoder")]
        assert (each.fn, each.calls) == (len(expected), None)
    assert sum(each.fn for each in report.by_kind.values()) > 0


def test_pairs_are_those_who_vote_otherwise(verdict):
    """Each member whose vote differs from the deployed member's makes a pair with it; where none does, nobody."""
    split = verdict({"encoder": 0.1, "judge": 0.9, "probe": 0.8, "keyword": 0.2})
    assert pairs(split, "encoder") == ["encoder|judge", "encoder|probe"]
    assert pairs(verdict({"encoder": 0.1, "judge": 0.2}), "encoder") == [NOBODY]
    assert pairs(verdict({"judge": 0.2}), "encoder") == ["deployed did not answer"]


def test_where_a_campaign_stands_is_told_at_any_time(world, scorer):
    """Before, during and after its run the counts are those of the last finished batch."""
    with pytest.raises(CampaignError, match="`hungjury campaigns` lists"):
        standing(world.store, "c")
    world.store.create("c", SPEC.model_dump(mode="json"))
    assert standing(world.store, "c").tally.scored == 0
    world.run(stopping=lambda: len(scorer.asked) >= 70)
    at = standing(world.store, "c")
    assert (at.tally.scored, at.round, at.summary) == (70, 2, None)
    assert world.report().total.queued == at.tally.queued > 0
    summary = world.run()
    at = standing(world.store, "c")
    assert (at.tally.scored, at.summary) == (120, summary)
    assert world.report().state == "finished"


def test_a_stopped_campaign_is_called_so(world):
    """Asked to stop, its state is "stopped" until it goes on."""
    world.store.create("c", SPEC.model_dump(mode="json"))
    world.store.halt("c")
    assert world.report().state == "stopped"
