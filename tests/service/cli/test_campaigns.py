"""`hungjury campaigns` on a real store."""

import json

import pytest
from hashed_verdicts import hashed_probabilities, make_verdict

from ensemble.home import home
from miners.campaigns.campaign import Campaign
from miners.campaigns.spec import CampaignSpec
from miners.queue.types import NewAnswer
from miners.sources.corpus import Corpus
from service.supervisor.campaigns import campaign_news, request_campaign

TEXTS = [f"Passage {n} tells of {n * 31} sparrows, {n * 17} kettles and one cat." for n in range(80)]


@pytest.fixture
def corpus(tmp_path):
    """A file of 80 texts."""
    file = tmp_path / "birds.txt"
    file.write_text("".join(f"{text}\n" for text in TEXTS))
    return file


@pytest.fixture
def mined(store, corpus):
    """Runs a campaign over the texts, perhaps only a while, in the store of the running service."""

    def run(name, *, stopping=None, **more):
        fields = {"inputs": (str(corpus),), "queue_size": 20, "round_size": 20, "batch_size": 10, "places": 4}
        spec = CampaignSpec(task="injury", deployed="encoder", near_duplicate=1.0, **(fields | more))
        queue = store.queue("injury")
        return Campaign(
            name,
            spec,
            proposers=[Corpus(spec.inputs)],
            score=lambda texts: [make_verdict(text, hashed_probabilities(text)) for text in texts],
            queue=queue,
            ledger=queue,
            store=store.campaigns,
            stopping=stopping,
        ).run()

    return run


def answer_all(store):
    """A rater says yes to everything that waits."""
    queue = store.queue("injury")
    for lease in queue.lease("ann", count=100, seconds=60, request_id="all"):
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes"))


@pytest.mark.usefixtures("store")
def test_no_campaign_yet(hungjury):
    """Without a campaign the person is told what starts one, and a program gets an empty list."""
    assert "hungjury mine" in hungjury("campaigns").out
    assert hungjury("campaigns", "--json").json == hungjury("campaigns", "list", "--json").json == []


def test_campaigns_are_listed_with_what_people_found(hungjury, store, mined):
    """The list has every campaign, what it spent and queued, and the labels and findings that came in since."""
    summary = mined("night shift")
    mined("day", stopping=lambda: True)
    answer_all(store)
    first, second = hungjury("campaigns", "--json").json
    missed = sum(item.finding == "FN" for item in store.queue("injury").items())
    assert (first["name"], first["state"], first["ended"]) == ("night shift", "finished", "queue full")
    assert (first["spent"], first["budget"], first["queued"]) == (summary.spent, 20_000, 20)
    assert (first["labelled"], first["fn"], first["fp"]) == (20, missed, 0)
    assert (second["name"], second["state"], second["scored"]) == ("day", "waiting", 0)
    table = hungjury("campaigns").out
    assert "night shift" in table
    assert "finished: queue full" in table
    assert f"{summary.spent}" in table


def test_one_campaign_is_shown_with_the_origin_of_its_findings(hungjury, store, mined):
    """Findings stand by source and by who disagreed, counted when somebody asks, with their cost in calls."""
    summary = mined("night")
    before = hungjury("campaigns", "show", "night", "--json").json
    assert before["findings"] == {"labelled": 0, "fn": 0, "fp": 0}
    answer_all(store)
    after = hungjury("campaigns", "show", "night", "--json").json
    missed = sum(item.finding == "FN" for item in store.queue("injury").items())
    assert after["findings"] == {"labelled": 20, "fn": missed, "fp": 0}
    assert after["by_source"]["corpus:birds.txt"]["fn"] == missed > 0
    assert after["by_source"]["corpus:birds.txt"]["calls_per_queued"] == summary.spent / 20
    assert after["total"]["calls_per_finding"] == summary.spent / missed
    assert any(pair.startswith("encoder|") for pair in after["by_pair"])
    assert after["summary"]["findings"]["labelled"] == 0
    told = hungjury("campaigns", "show", "night")
    assert told.code == 0
    for part in (f"{missed} FN", "corpus:birds.txt", "encoder|judge", "calls a finding", "selected by"):
        assert part in told.out


def test_a_campaign_is_stopped_and_stays_stopped(hungjury, store, mined):
    """`campaigns stop` is remembered in the store: whoever works on it ends, and nobody takes it up by himself."""
    mined("night", stopping=lambda: True)
    told = hungjury("campaigns", "stop", "night", "--json")
    assert told.json == {"name": "night", "was": "waiting", "stopping": True}
    assert store.campaigns.halted("night")
    assert hungjury("campaigns", "--json").json[0]["state"] == "stopped"
    assert mined("night").ended == "stopped"
    again = hungjury("campaigns", "stop", "night")
    assert again.out == "night is stopped already\n"
    acts = [json.loads(line) for line in hungjury("audit", "--json").out.splitlines()]
    assert ("campaign stopped", "night") in {(act["what"], act["subject"]) for act in acts}
    assert "resume night" in hungjury("campaigns", "show", "night").err


def test_a_finished_campaign_cannot_be_stopped(hungjury, mined):
    """Stopping what is over is harmless and says so."""
    mined("night")
    told = hungjury("campaigns", "stop", "night")
    assert (told.code, told.out) == (0, "night is finished; there is nothing to stop\n")


@pytest.mark.parametrize("command", ["show", "stop", "resume"])
@pytest.mark.usefixtures("store")
def test_an_unknown_campaign_is_named(hungjury, command):
    """A name that no campaign has is one line that says where the names are."""
    told = hungjury("campaigns", command, "nobody")
    assert told.code == 1
    assert told.err == "error: no campaign 'nobody'; `hungjury campaigns` lists those that there are\n"


def test_the_same_name_with_other_settings_is_refused(store, mined):
    """Two campaigns of one name: the same settings go on with it, others are refused and named."""
    from miners.errors import CampaignError

    mined("night", stopping=lambda: True)
    spec = CampaignSpec.model_validate(store.campaigns.spec("night"))
    store.campaigns.halt("night")
    request_campaign(store, "night", spec, home())
    assert not store.campaigns.halted("night")
    with pytest.raises(CampaignError, match=r"'night' exists with other settings \(budget is 20000, not 99\); choose"):
        request_campaign(store, "night", spec.model_copy(update={"budget": 99}), home())


def test_settings_kept_by_an_earlier_version_are_the_same(store, mined):
    """A campaign stored before a setting existed goes on under the default of that setting."""
    mined("night", stopping=lambda: True)
    kept = store.campaigns.spec("night")
    store.campaigns.create("old", {key: value for key, value in kept.items() if key not in {"strategy", "cpu_seconds"}})
    request_campaign(store, "old", CampaignSpec.model_validate(kept), home())
    assert campaign_news("old", home()) is None


@pytest.mark.parametrize("budget", [0, -5, 7])
def test_a_budget_that_pays_for_nothing_is_refused(hungjury, corpus, budget):
    """The message names the option, the value, the least, and what a call is."""
    told = hungjury("mine", "-i", corpus, "--budget", budget)
    assert told.code == 2
    assert told.err == (
        f"error: --budget is {budget}, and a campaign needs at least 8 calls to score a single text: each text costs "
        "one call a member\n"
    )


def test_json_of_a_campaign_can_be_read_whole(hungjury, mined):
    """What a program gets has settings, standing and summary."""
    mined("night")
    found = json.loads(hungjury("campaigns", "show", "night", "--json").out)
    assert {"spec", "tally", "benched", "summary", "by_operator", "by_kind", "spent", "state"} <= set(found)
