"""The sources of a campaign: which there are, by shares, and awkward corpora from beginning to end."""

import json

import pytest

from ensemble.row_formats import MAX_LINE_BYTES
from ensemble.tasks.task import load_task
from ensemble.text import identity
from miners.campaigns.campaign import Campaign
from miners.campaigns.sources import proposers_for
from miners.campaigns.spec import CampaignSpec
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue
from miners.queue.memory_traffic import MemoryTraffic
from miners.queue.traffic import Report, Sighting, key_of
from miners.rewrites.registry import operators
from miners.sources.corpus import Corpus


def _generate(prompts, seed):
    return [f" He fell over chair number {seed} in the {len(prompt)}th room." for prompt in prompts]


@pytest.fixture
def run(scorer):
    """Runs a campaign over proposers in memory; gives summary and queue."""

    def go(proposers, **more):
        queue = MemoryQueue("injury")
        spec = CampaignSpec(task="injury", deployed="encoder", **{"budget": 4_000, "queue_size": 20, **more})
        campaign = Campaign(
            "c", spec, proposers=proposers, score=scorer, queue=queue, ledger=queue, store=MemoryCampaigns()
        )
        return campaign.run(), queue

    return go


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({}, ["live", "completions", "steered", "rewrite", "search"]),
        ({"live": 0, "rewrite": 0}, ["completions", "steered", "search"]),
        ({"steered": 0, "completions": 0, "search": 0}, ["live", "rewrite"]),
    ],
)
def test_sources_are_there_by_their_shares(shares, expected):
    """Every source gives something unless its share, by its name or its kind, is 0; rewrites stand for all of them."""
    spec = CampaignSpec(task="injury", deployed="encoder", shares=shares)
    found = proposers_for(spec, load_task("injury"), _generate, MemoryTraffic())
    assert list(dict.fromkeys(proposer.name.split(":")[0] for proposer in found)) == expected


def test_every_rewriting_operator_is_a_source_that_can_be_left_out():
    """There is one source for each operator of the task, but for those whose own share is 0."""
    task = load_task("injury")
    spec = CampaignSpec(task="injury", deployed="encoder", shares={"rewrite:typos": 0})
    names = {proposer.name for proposer in proposers_for(spec, task, None)}
    assert {name for name in names if name.startswith("rewrite:")} == {
        f"rewrite:{name}" for name in operators(task) if name != "typos"
    }


def test_without_model_and_sample_these_sources_are_left_out():
    """What a source needs and nobody has leaves it out."""
    spec = CampaignSpec(task="injury", deployed="encoder", shares={"rewrite": 0, "search": 0})
    assert proposers_for(spec, load_task("injury"), None) == []


def test_live_traffic_is_mined_with_its_probability(run):
    """Queued texts say that they come from live traffic and with which probability they were kept of it."""
    store = MemoryTraffic()
    state, texts = store.state(), [f"Caller {i} wrote about the {i * 7}th of May." for i in range(40)]
    sightings = [
        Sighting(identity(text), key_of(state.salt, 0, identity(text)), 1, _payload(text, state.now_ms))
        for text in texts
    ]
    store.add(Report("p", 1, state.salt, state.now_ms // 86_400_000 * 86_400_000, seen=40, texts=sightings))
    spec = CampaignSpec(task="injury", deployed="encoder", shares={"rewrite": 0, "search": 0})
    summary, queue = run(proposers_for(spec, load_task("injury"), None, store))
    assert (summary.scored, summary.queued, summary.ended) == (40, 20, "queue full")
    provenances = [item.new.provenance for item in queue.items()]
    assert {one.source for one in provenances} == {"live"}
    assert {one.meta["sampling_probability"] for one in provenances} == {1.0}


def test_an_empty_sample_of_live_traffic_ends_quietly(run):
    """Nothing kept is no fault of the source."""
    spec = CampaignSpec(task="injury", deployed="encoder", shares={"rewrite": 0, "search": 0})
    summary, _ = run(proposers_for(spec, load_task("injury"), None, MemoryTraffic()))
    assert (summary.benched, summary.ended) == ({}, "nothing left to propose")


def test_one_text_again_and_again_ends_with_a_word(run, tmp_path):
    """It is scored once, the copies are counted, and the campaign ends by itself."""
    path = tmp_path / "same.txt"
    path.write_text("The very same text, again and again.\n" * 60_000)
    summary, _ = run([Corpus([path], seed=0)])
    assert (summary.scored, summary.queued, summary.ended) == (1, 1, "nothing left to propose")
    assert summary.repeated_rows + summary.exact_duplicates == 59_999
    assert summary.proposed < 20


def test_a_huge_line_is_named_and_the_rest_is_mined(run, tmp_path):
    """File, line and limit stand among the bad examples."""
    path = tmp_path / "huge.txt"
    path.write_text("A first text of some words.\n" + "x" * (MAX_LINE_BYTES + 1) + "\nA last text of other words.\n")
    summary, _ = run([Corpus([path], seed=0)])
    assert (summary.scored, summary.bad_rows) == (2, 1)
    assert summary.bad_examples == [f"{path}:2: is longer than 4 MB, the limit for one row"]


def test_steered_completions_go_through_a_campaign(run):
    """They are scored, told their verdicts, and queued under their name; held-out splits are nowhere in them."""
    spec = CampaignSpec(
        task="injury", deployed="encoder", shares={"rewrite": 0, "completions": 0, "search": 0}, limits={"steered": 60}
    )
    summary, queue = run(proposers_for(spec, load_task("injury"), _generate))
    assert summary.benched == {}
    assert summary.queued > 0
    metas = [item.new.provenance.meta for item in queue.items()]
    train = {row.meta["family"] for row in load_task("injury").rows("train")}
    assert {meta["split"] for meta in metas} == {"train"}
    assert {family for meta in metas for family in meta["families"] if not family.startswith("steered-")} <= train


def _payload(text, at):
    served = {"decision": "pass", "probability": 0.1, "disagreement": 0.0}
    return json.dumps({"text": text, "context": "", "first_at": at, "served": served})
