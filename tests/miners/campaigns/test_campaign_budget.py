"""The budget is spent in one place: member calls, gradient passes as two calls each, CPU seconds beside it."""

import math

import pytest
from pydantic import ValidationError

from ensemble.text import Text
from miners.campaigns.budget import affordable, affordable_from, expected, left, spent
from miners.campaigns.campaign import Campaign
from miners.campaigns.scoring import Patience
from miners.campaigns.spec import CampaignSpec, Proposing, Tally
from miners.candidate import Candidate, Provenance
from miners.proposer import Cost
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue

SPEC = CampaignSpec(task="injury", deployed="encoder", budget=1_000, queue_size=20, round_size=40, batch_size=16)


class Costly:
    """A source whose every text takes gradient passes and CPU time, as it says."""

    def __init__(self, texts, *, passes=3, cpu_seconds=0.5, name="rewrite:hotflip"):
        self.name, self._texts, self._at = name, texts, 0
        self._each, self._cost = (passes, cpu_seconds), Cost()
        self.batches = []

    def propose(self, count):
        found = self._texts[self._at : self._at + count]
        self._at += len(found)
        passes, seconds = self._each
        self._cost = Cost(passes * len(found), seconds * len(found))
        self.batches.append(len(found))
        return [
            Candidate(Text(text), Provenance(source=self.name, operators=("hotflip",), family=text)) for text in found
        ]

    def take_cost(self):
        taken, self._cost = self._cost, Cost()
        return taken

    def observe(self, scored):
        pass

    def state(self):
        return {"at": self._at}

    def restore(self, state):
        self._at = state["at"]


@pytest.fixture
def run(scorer):
    """Runs a campaign over fresh stores."""

    def go(proposers, spec=SPEC, **more):
        queue = MemoryQueue(spec.task)
        campaign = Campaign(
            "c",
            spec,
            proposers=proposers,
            score=scorer,
            queue=queue,
            ledger=queue,
            store=MemoryCampaigns(),
            patience=Patience(sleep=lambda _: None),
            **more,
        )
        return campaign.run()

    return go


def test_a_gradient_pass_counts_as_two_calls(run, sentences):
    """Four members and three passes a text: ten calls each, all of them told in the summary, by source and operator."""
    summary = run([Costly(sentences(60))])
    assert (summary.scored, summary.member_calls, summary.gradient_passes) == (60, 240, 180)
    assert (summary.spent, summary.budget) == (600, 1_000)
    assert summary.by_source["rewrite:hotflip"].calls == pytest.approx(600)
    assert summary.by_operator["hotflip"].calls == pytest.approx(600)
    assert summary.by_operator["hotflip"].queued == summary.queued
    assert summary.proposing["rewrite:hotflip"].gradient_passes == 180


@pytest.mark.parametrize("passes", [0, 1, 3, 7, 40])
@pytest.mark.parametrize("budget", [8, 50, 333, 1_000])
def test_the_budget_is_exceeded_by_no_more_than_the_passes_of_one_batch(run, sentences, passes, budget):
    """Scoring never exceeds it; proposing does so at most once, since what it costs is known only afterwards."""
    source = Costly(sentences(400), passes=passes)
    summary = run([source], SPEC.model_copy(update={"budget": budget}))
    assert summary.ended in {"budget spent", "queue full"}
    assert summary.spent <= budget + 2 * passes * max(source.batches)
    assert summary.spent - 2 * passes * source.batches[-1] <= budget
    assert summary.proposed == summary.scored + summary.unpaid


def test_what_proposing_costs_is_foreseen(run, sentences):
    """Once it is known what a source's texts cost, it is asked for no more than the rest of the budget pays for."""
    source = Costly(sentences(400), passes=3)
    summary = run([source], SPEC.model_copy(update={"budget": 500}))
    assert summary.spent <= 500
    assert summary.unpaid == 0
    assert source.batches[-1] < SPEC.batch_size


def test_cpu_seconds_bound_only_those_who_cost(run, source, sentences):
    """At the limit of CPU seconds, sources whose proposals cost something are asked no more; the others go on."""
    costly, plain = Costly(sentences(200), passes=0), source("corpus:a", sentences(60, 1))
    summary = run([costly, plain], SPEC.model_copy(update={"cpu_seconds": 20.0, "budget": 10_000}))
    assert 20 <= summary.proposing["rewrite:hotflip"].cpu_seconds <= 20 + 0.5 * SPEC.batch_size
    assert summary.proposed_by_source["corpus:a"] == 60
    assert summary.benched == {}
    assert summary.cpu_seconds >= summary.proposing["rewrite:hotflip"].cpu_seconds


def test_cpu_seconds_of_others_are_measured(run, sentences, source):
    """A source that says nothing of its cost is measured by the clock of its thread."""

    class Busy(type(source("x", []))):
        def propose(self, count):
            for n in range(200_000):
                math.sqrt(n)
            return super().propose(count)

    summary = run([Busy("corpus:a", sentences(40))])
    assert summary.proposing["corpus:a"].cpu_seconds == summary.cpu_seconds > 0.005


@pytest.mark.parametrize("cost", [None, 7, Cost(gradient_passes=-1), Cost(cpu_seconds=math.nan)])
def test_who_tells_rubbish_of_its_cost_is_benched(run, source, sentences, cost):
    """A source that names an impossible cost is taken out and named; the campaign goes on."""
    liar = Costly(sentences(30))
    liar.take_cost = lambda: cost
    summary = run([liar, source("corpus:a", sentences(60, 1))])
    assert list(summary.benched) == ["rewrite:hotflip"]
    assert "cost" in summary.benched["rewrite:hotflip"]
    assert summary.proposed_by_source["corpus:a"] == 60


def test_progress_says_what_is_spent(run, sentences):
    """The progress counts the same calls as the summary."""
    told = []
    summary = run([Costly(sentences(40))], progress=told.append)
    assert [progress.spent for progress in told] == sorted(progress.spent for progress in told)
    assert told[-1].spent == summary.spent == 400


@pytest.mark.parametrize("budget", [0, -1, 7])
def test_a_budget_that_pays_for_nothing_is_refused(budget):
    """A campaign needs calls enough for one text."""
    with pytest.raises(ValidationError, match="greater than or equal to 8"):
        CampaignSpec(task="injury", deployed="encoder", budget=budget)


def test_what_is_left_pays_for_so_many_texts():
    """Before the first verdict a text is taken to cost eight calls, then what it cost; proposing adds to its price."""
    assert affordable(SPEC, Tally()) == 125
    tally = Tally(members=4, member_calls=200, gradient_passes=100, scored=50, proposed_by_source={"a": 50, "b": 20})
    tally.proposing["a"] = Proposing(gradient_passes=100)
    assert (spent(tally), left(SPEC, tally), affordable(SPEC, tally)) == (400, 600, 150)
    assert affordable_from(SPEC, tally, "a") == 75
    assert affordable_from(SPEC, tally, "b") == affordable_from(SPEC, tally, "new") == 150
    assert expected(SPEC, tally) == 150
