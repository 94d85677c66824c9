"""The search inside a campaign: killed and resumed it finds the same, and a changed member has elites scored again."""

from collections import Counter

import pytest

from ensemble.tasks.task import load_task
from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.campaigns.campaign import Campaign
from miners.campaigns.scoring import Patience
from miners.campaigns.sources import proposers_for
from miners.campaigns.spec import CampaignSpec
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue
from miners.rewrites.registry import operators

SPEC = CampaignSpec(task="injury", deployed="encoder", budget=1_200, queue_size=40, round_size=50, batch_size=16)


@pytest.fixture
def run(make_search, scorer):
    """Runs a campaign with a search alone, or with what is given, and returns its summary."""

    def build(proposers=None, *, score=scorer, queue, store, **more):
        return Campaign(
            "c",
            SPEC,
            proposers=[make_search(near_duplicate=1.0)] if proposers is None else proposers,
            score=score,
            queue=queue,
            ledger=queue,
            store=store,
            patience=Patience(sleep=lambda _: None),
            **more,
        ).run()

    return build


def _queued(queue):
    return sorted((item.new.id, item.new.selection_probability) for item in queue.items())


def test_a_campaign_killed_anywhere_queues_the_same(run, scorer):
    """Stopped after every few batches and begun anew with a fresh search, it ends as if never stopped."""
    whole, parts, store = MemoryQueue("injury"), MemoryQueue("injury"), MemoryCampaigns()
    expected = run(queue=whole, store=MemoryCampaigns())
    runs = 0
    while True:
        left = [True, True, False]
        summary = run(queue=parts, store=store, stopping=lambda left=left: not left.pop(0))
        runs += 1
        if summary.ended != "stopped":
            break
    assert runs > 3
    assert _queued(parts) == _queued(whole)
    assert summary.notes == expected.notes
    assert summary.notes["search"]["niches"]["filled"] > 0
    assert len(scorer.asked) == 2 * len(set(scorer.asked))


def test_elites_of_a_changed_member_are_scored_again_and_queued_once(run, scorer):
    """In the middle of a campaign a member gets a new version: old elites get new verdicts, no text a second place."""

    def changing(texts):
        late = len(scorer.asked) > 150
        return [_newer(verdict) if late else verdict for verdict in scorer(texts)]

    queue = MemoryQueue("injury")
    summary = run(score=changing, queue=queue, store=MemoryCampaigns())
    asked = Counter(scorer.asked)
    again = [text for text, times in asked.items() if times > 1]
    assert again
    assert max(asked.values()) == 2
    assert summary.member_calls == 4 * len(scorer.asked)
    ids = [item.new.id for item in queue.items()]
    assert len(ids) == len(set(ids)) == 40
    for item in queue.items():
        if item.new.text in again:
            assert "rescore" not in item.new.provenance.meta


def _newer(verdict: Verdict) -> Verdict:
    members = {name: score.model_copy(update={"version": "9" * 12}) for name, score in verdict.members.items()}
    return verdict.model_copy(update={"members": members})


def test_a_faulty_operator_is_named_in_the_summary_and_the_search_goes_on(run, make_search, appending):
    """The campaign shows what was taken out of the search, and queues what the rest of it finds."""

    class Broken(appending):
        def rewrite(self, _parent, _rng):
            raise OSError("its model is gone")

    queue = MemoryQueue("injury")
    search = make_search([Broken("broken"), appending()], near_duplicate=1.0)
    summary = run([search], queue=queue, store=MemoryCampaigns())
    assert summary.benched == {"search: broken": "OSError: its model is gone"}
    assert summary.queued_by_source == {"search": 40}


def test_the_default_task_is_searched_and_shares_switch_it_off():
    """A campaign over the packaged task has the search among its sources, by its share."""
    task = load_task("injury")
    names = [proposer.name for proposer in proposers_for(SPEC, task, None)]
    assert "search" in names
    off = SPEC.model_copy(update={"shares": {"search": 0.0}})
    assert "search" not in [proposer.name for proposer in proposers_for(off, task, None)]
    assert len({operator.name for operator in operators(task).values()}) >= 3


def test_the_search_over_the_default_task_proposes_train_rows_alone():
    """Real operators on real seeds: every text is readable, new, of a train family, and expected to be harmful."""
    task = load_task("injury")
    (search,) = [p for p in proposers_for(SPEC, task, None) if p.name == "search"]
    found = search.propose(64)
    families = {row.meta["family"] for row in task.rows("train")}
    assert {candidate.provenance.family for candidate in found} <= families
    assert {candidate.provenance.expected_label for candidate in found} <= {1, None}
    assert len({candidate.text.id for candidate in found}) == 64
    assert all(isinstance(candidate.text, Text) for candidate in found)
    assert search.benched == {}
