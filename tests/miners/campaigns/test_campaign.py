"""The campaign loop: what is queued, budgets, failures of sources and scorer."""

import itertools
from collections import Counter

import numpy as np
import pytest

from ensemble.errors import MemberUnavailableError
from ensemble.text import Text
from miners.campaigns.campaign import Campaign
from miners.campaigns.scoring import Patience
from miners.campaigns.spec import CampaignSpec
from miners.candidate import Candidate, Provenance
from miners.errors import CampaignError, CampaignInterruptedError
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue

SPEC = CampaignSpec(task="injury", deployed="encoder", budget=100_000, queue_size=40, round_size=50, batch_size=16)


@pytest.fixture
def make():
    """Makes a campaign over fresh stores unless some are given; pauses are skipped."""

    def build(proposers, score, spec=SPEC, *, name="c", queue=None, store=None, **more):
        queue = queue or MemoryQueue(spec.task)
        more.setdefault("patience", Patience(sleep=lambda _: None))
        return Campaign(
            name,
            spec,
            proposers=proposers,
            score=score,
            queue=queue,
            ledger=queue,
            store=store if store is not None else MemoryCampaigns(),
            **more,
        )

    return build


def _items(queue):
    return sorted((item.new for item in queue.items()), key=lambda new: new.id)


def test_the_queue_is_filled_over_many_rounds(make, source, sentences, scorer):
    """A corpus of 500 texts is scored once each and fills the queue exactly, in proportion over the rounds."""
    queue = MemoryQueue("injury")
    summary = make(
        [source("corpus:a", sentences(500))], scorer, SPEC.model_copy(update={"tags": ("de",)}), queue=queue
    ).run()
    assert (summary.proposed, summary.scored, summary.queued) == (500, 500, 40)
    assert (summary.member_calls, summary.ended) == (2000, "queue full")
    assert len(scorer.asked) == len(set(scorer.asked)) == 500
    items = _items(queue)
    assert len(items) == 40
    assert {item.tags for item in items} == {("de",)}
    by_round = np.bincount([int(item.parts["round"]) for item in items])[1:]
    assert len(by_round) == summary.rounds == 5
    assert by_round.tolist() == [8] * 5


def test_every_queued_item_carries_its_numbers(make, source, sentences, scorer):
    """Queued items have task, q in (0, 1], verdict, provenance with the campaign's name, parts and a reason."""
    queue = MemoryQueue("injury")
    make([source("corpus:a", sentences(200))], scorer, queue=queue, name="night").run()
    for item in _items(queue):
        assert item.provenance.campaign == "night"
        assert 0 < item.selection_probability <= 1
        assert item.deployed_passed == (item.verdict.members["encoder"].vote == "no")
        assert item.parts["miss_score"] == item.verdict.miss_score
        assert item.parts["pool"] >= 50
        assert "encoder" in item.why
        assert item.id == Text(item.text).id


def test_the_estimate_over_a_campaign_is_near_the_truth(make, source, sentences, scorer):
    """Weighted by 1/q, the queued items estimate the number of scored texts (a sum that must come out near n)."""
    totals = []
    texts = sentences(600)
    for seed in range(30):
        queue = MemoryQueue("injury")
        spec = SPEC.model_copy(update={"seed": seed, "queue_size": 60, "round_size": 100})
        make([source("corpus:a", texts)], scorer, spec, queue=queue).run()
        totals.append(sum(1 / item.selection_probability for item in queue_items(queue)))
    assert abs(np.mean(totals) - 600) < 4 * np.std(totals) / np.sqrt(30)


def queue_items(queue):
    """The items as they were queued."""
    return [item.new for item in queue.items()]


@pytest.mark.parametrize("budget", [8, 100, 777, 1999])
def test_the_budget_is_never_exceeded(make, source, sentences, scorer, budget):
    """Member calls stay within the budget, use all of it but less than one text, and the queue is filled from them."""
    queue = MemoryQueue("injury")
    spec = SPEC.model_copy(update={"budget": budget, "queue_size": 20})
    summary = make([source("corpus:a", sentences(600))], scorer, spec, queue=queue).run()
    assert budget - 4 < summary.member_calls <= budget
    assert summary.queued == min(20, summary.scored) == len(_items(queue))
    assert summary.ended in ("budget spent", "queue full")


@pytest.mark.parametrize("count", [1, 3, 40, 41, 99, 100, 101])
@pytest.mark.parametrize("knows_length", [True, False])
def test_never_more_than_asked_for_is_queued(make, source, sentences, scorer, count, knows_length):
    """Whatever the length of the corpus, known or not, at most N are queued, and all where there are fewer."""
    summary = make([source("corpus:a", sentences(count), knows_length=knows_length)], scorer).run()
    assert summary.queued <= 40
    assert summary.queued == min(40, count) or not knows_length
    assert summary.queued >= 1


def test_duplicates_are_neither_scored_nor_queued_twice(make, source, sentences, scorer):
    """Exact and near duplicates, also of what is queued already, are left out and counted."""
    texts = sentences(100)
    long = " ".join(texts[:6])
    queue = MemoryQueue("injury")
    make([source("corpus:a", texts[:20])], scorer, queue=queue, name="first").run()
    again = [*texts, *texts[50:60], texts[70] + "  ", long, long.replace("violin", "fiddle", 1)]
    scorer.asked.clear()
    summary = make([source("corpus:b", again)], scorer, queue=queue, name="second").run()
    assert summary.exact_duplicates == 31
    assert summary.near_duplicates == 1
    assert summary.scored == len(scorer.asked) == 81


def test_sources_give_by_their_shares(make, source, sentences, scorer):
    """Shares are kept within a batch; a source with share 0 is never asked."""
    sources = [source(name, sentences(900, salt)) for salt, name in enumerate(["corpus:a", "completions", "rewrite:x"])]
    spec = SPEC.model_copy(update={"budget": 1600, "shares": {"corpus": 3.0, "rewrite:x": 0.0}})
    summary = make(sources, scorer, spec).run()
    assert "rewrite:x" not in summary.proposed_by_source
    assert summary.proposed_by_source["corpus:a"] == pytest.approx(300, abs=16)
    assert sum(summary.queued_by_source.values()) == summary.queued == 40
    assert set(summary.disagreements) == {"corpus:a", "completions"}
    assert sum(summary.disagreements["corpus:a"].values()) > 0
    assert "encoder|judge" in summary.disagreements["corpus:a"]


def test_kinds_of_disagreement_are_counted(make, source, sentences, scorer):
    """A summary counts the kinds of what was scored and of what was queued; each item carries its own and says why."""
    queue = MemoryQueue("injury")
    summary = make([source("corpus:a", sentences(500))], scorer, queue=queue).run()
    queued = Counter(kind for new in _items(queue) for kind in new.verdict.kinds)
    assert summary.queued_kinds == queued
    assert queued["judge-against-activations"] > 0
    assert all(summary.kinds[kind] >= count for kind, count in queued.items())
    for new in _items(queue):
        inner = "judge-against-activations" in new.verdict.kinds
        assert ("the judge says no and its own activations yes" in new.why) == inner


def test_sources_learn_their_verdicts(make, source, sentences, scorer):
    """A source is told the verdict of each of its own candidates."""
    first, second = source("corpus:a", sentences(64)), source("corpus:b", sentences(64, 1))
    make([first, second], scorer).run()
    assert len(first.observed) == len(second.observed) == 64
    assert {scored.candidate.provenance.source for scored in first.observed} == {"corpus:a"}


class _Broken:
    """A source whose one method misbehaves."""

    name = "broken"

    def __init__(self, fault, *, method="propose"):
        self._fault, self._method = fault, method

    def _do(self, method, value):
        return self._fault() if method == self._method else value

    def propose(self, count):
        texts = [Text(f"broken source text number {next(_NUMBERS)} of many") for _ in range(count)]
        return self._do("propose", [Candidate(text, Provenance(source="broken", family=text.id)) for text in texts])

    def observe(self, _scored):
        self._do("observe", None)

    def state(self):
        return self._do("state", {})

    def restore(self, _state):
        self._do("restore", None)

    def expected(self, limit):
        return self._do("expected", limit)


_NUMBERS = itertools.count()


def _raise():
    raise OSError("disk on fire")


RUBBISH = [
    (lambda: None, "propose"),
    (lambda: "texts", "propose"),
    (lambda: [1, 2], "propose"),
    (lambda: [Candidate(Text("a b c"), Provenance(source="b", family="f"))] * 999, "propose"),
    *((_raise, method) for method in ("propose", "observe", "state", "restore", "expected")),
]


@pytest.mark.parametrize(("fault", "method"), RUBBISH, ids=[f"{m} {i}" for i, (_, m) in enumerate(RUBBISH)])
def test_a_bad_source_is_benched_and_the_campaign_goes_on(make, source, sentences, scorer, fault, method):
    """A source that raises or returns rubbish is named in the summary, and the others fill the queue."""
    summary = make([_Broken(fault, method=method), source("corpus:a", sentences(200))], scorer).run()
    assert list(summary.benched) == ["broken"]
    assert summary.benched["broken"]
    assert summary.proposed_by_source["corpus:a"] == 200
    assert summary.queued == 40


def test_a_source_that_repeats_itself_for_ever_ends(make, source, scorer):
    """A source that only gives what is known is benched after a while instead of keeping the campaign for ever."""
    summary = make([source("corpus:a", ["The same old song again."] * 30_000, knows_length=False)], scorer).run()
    assert "nothing new" in summary.benched["corpus:a"]
    assert (summary.scored, summary.queued) == (1, 1)


def test_unreadable_candidates_are_refused(make, source, sentences, scorer):
    """Candidates that no member can read are counted and left out."""
    bad = ["", "a\0b", "x" * 20_001, "lone \ud800"]
    summary = make([source("corpus:a", [*bad, *sentences(30)])], scorer).run()
    assert (summary.refused, summary.scored) == (4, 30)


def test_a_busy_scorer_is_waited_for(make, source, sentences, scorer):
    """While the scorer is away it is asked again after growing pauses, and nothing is lost."""
    pauses, calls = [], itertools.count()

    def score(texts):
        if next(calls) in (1, 2, 3):
            raise MemberUnavailableError("no replica")
        return scorer(texts)

    summary = make([source("corpus:a", sentences(60))], score, patience=Patience(sleep=pauses.append)).run()
    assert pauses == [0.5, 1.0, 2.0]
    assert (summary.scored, summary.queued) == (60, 40)


def test_a_scorer_that_stays_away_stops_the_campaign_until_it_is_resumed(make, source, sentences, scorer):
    """When patience ends the error says so; run again, the campaign goes on and scores nothing twice."""
    texts, store, queue, calls = sentences(120), MemoryCampaigns(), MemoryQueue("injury"), itertools.count()

    def score(texts):
        if next(calls) >= 4:
            raise MemberUnavailableError("the service is down")
        return scorer(texts)

    for _ in range(5):  # more often than a batch may be tried: being away says nothing against the batch
        with pytest.raises(CampaignInterruptedError, match=r"the service is down .*run the campaign again"):
            make([source("corpus:a", texts)], score, store=store, queue=queue).run()
    summary = make([source("corpus:a", texts)], scorer, store=store, queue=queue).run()
    assert (summary.scored, summary.left_out, summary.queued) == (120, 0, 40)
    assert len(scorer.asked) == len(set(scorer.asked)) == 120


def test_degraded_verdicts_are_asked_for_again_once(make, source, sentences, scorer, verdict):
    """A verdict that lacks a member is scored once more; what still lacks one is kept, marked and paid for."""
    asked = {}

    def score(texts):
        answers = scorer(texts)
        for i, text in enumerate(texts):
            asked[text.text] = asked.get(text.text, 0) + 1
            number = int(text.text.split("0 ")[0])
            if number % 10 == 0 and (asked[text.text] == 1 or number % 20 == 0):
                rest = {name: s.probability for name, s in answers[i].members.items() if name != "probe"}
                answers[i] = verdict(rest, text.text, degraded=("probe",))
        return answers

    queue = MemoryQueue("injury")
    spec = SPEC.model_copy(update={"queue_size": 100})
    summary = make([source("corpus:a", sentences(100))], score, spec, queue=queue).run()
    assert sorted(set(asked.values())) == [1, 2]
    assert sum(count == 2 for count in asked.values()) == 10
    assert summary.degraded == 5
    assert summary.member_calls == 100 * 4 - 10 + 5 * 3 + 5 * 4
    assert sum(item.parts["missing_members"] == 1.0 for item in _items(queue)) == 5


@pytest.mark.parametrize(("fault", "message"), [(lambda _: [], "0 verdicts for"), (lambda _: 1 / 0, "ZeroDivision")])
def test_a_scorer_that_fails_stops_with_a_clear_error(make, source, sentences, fault, message):
    """A scorer that answers wrongly or breaks ends the run with a CampaignError, not with its own exception."""
    with pytest.raises(CampaignError, match=message):
        make([source("corpus:a", sentences(20))], fault).run()


def test_a_batch_that_always_breaks_is_left_out(make, source, sentences, scorer):
    """After three attempts that broke, a batch is left out and counted, and the rest is mined."""
    texts, store, queue, runs = sentences(160), MemoryCampaigns(), MemoryQueue("injury"), 0
    messages = set()

    def score(batch):
        if any(text.text == texts[40] for text in batch):
            raise ValueError("poison")
        return scorer(batch)

    while True:
        runs += 1
        try:
            summary = make([source("corpus:a", texts)], score, store=store, queue=queue).run()
            break
        except CampaignError as error:
            messages.add(str(error))
    assert messages == {"scoring failed: ValueError: poison"}
    assert runs == 4
    assert (summary.left_out, summary.scored, summary.queued) == (16, 144, 40)


def test_a_finished_campaign_returns_its_summary(make, source, sentences, scorer):
    """Running a finished campaign again scores nothing and gives the same summary; the store keeps no batches."""
    store = MemoryCampaigns()
    first = make([source("corpus:a", sentences(80))], scorer, store=store).run()
    count = len(scorer.asked)
    assert make([source("corpus:a", sentences(80))], scorer, store=store).run() == first
    assert len(scorer.asked) == count
    assert store.status("c").state == "finished"
    assert store.status("c").summary["queued"] == 40
    assert all(store.batches("c", round_) == [] for round_ in range(10))


def test_another_spec_under_a_known_name_is_refused(make, source, sentences, scorer):
    """A name belongs to one spec; the error names what differs."""
    store = MemoryCampaigns()
    make([source("corpus:a", sentences(20))], scorer, store=store).run()
    with pytest.raises(CampaignError, match=r"other settings \(budget is 100000, not 9; seed is 0, not 1\)"):
        make([source("corpus:a", [])], scorer, SPEC.model_copy(update={"seed": 1, "budget": 9}), store=store).run()


def test_sources_must_differ_in_name_and_one_must_be_on(make, source, scorer):
    """Two sources of one name, or none at all, are refused before anything runs."""
    with pytest.raises(CampaignError, match="share a name"):
        make([source("corpus:a", []), source("corpus:a", [])], scorer)
    with pytest.raises(CampaignError, match="no source"):
        make([source("corpus:a", [])], scorer, SPEC.model_copy(update={"shares": {"corpus": 0.0}}))


def test_stopping_keeps_what_is_done(make, source, sentences, scorer):
    """Asked to stop, the campaign ends resumable within a batch; the next run goes on behind it."""
    texts, store, queue = sentences(120), MemoryCampaigns(), MemoryQueue("injury")
    stopped = make(
        [source("corpus:a", texts)], scorer, store=store, queue=queue, stopping=lambda: len(scorer.asked) >= 64
    ).run()
    assert (stopped.ended, stopped.scored) == ("stopped", 76)
    summary = make([source("corpus:a", texts)], scorer, store=store, queue=queue).run()
    assert (summary.ended, summary.scored, summary.queued) == ("queue full", 120, 40)
    assert len(scorer.asked) == len(set(scorer.asked)) == 120


def test_progress_is_told_after_every_batch(make, source, sentences, scorer):
    """The callback sees counts that only grow, up to the final ones."""
    seen = []
    make([source("corpus:a", sentences(100))], scorer, progress=seen.append).run()
    scored = [progress.tally.scored for progress in seen]
    assert scored == sorted(scored)
    assert (scored[0], scored[-1]) == (16, 100)
    assert seen[-1].tally.queued == 40


def test_no_text_at_all_ends_quietly(make, source, scorer):
    """Sources with nothing to give end the campaign with an empty summary."""
    summary = make([source("corpus:a", [])], scorer).run()
    assert (summary.ended, summary.queued, summary.rounds) == ("nothing left to propose", 0, 0)


def sparing(scorer, needed):
    """The scorer behind a cascade that spares judge and probe of all but the texts that are needed, by their place."""
    places = itertools.count()

    def score(texts):
        verdicts = [(verdict, next(places)) for verdict in scorer(texts)]
        return [verdict if needed(place) else _spared(verdict) for verdict, place in verdicts]

    return score


def _spared(verdict):
    members = {name: verdict.members[name] for name in ("encoder", "keyword")}
    return verdict.model_copy(
        update={"members": members, "skipped": ["judge", "probe"], "asked_probability": 0.02},
    )


def test_calls_that_were_spared_are_not_counted(make, source, sentences, scorer):
    """A member that a cascade left out costs nothing, so the budget reaches further; the queued text says its odds."""
    spec = SPEC.model_copy(update={"budget": 1000})
    queue = MemoryQueue("injury")
    score = sparing(scorer, lambda place: place % 4 == 0)
    summary = make([source("corpus:a", sentences(600))], score, spec, queue=queue).run()
    assert summary.ended in ("budget spent", "queue full")
    assert summary.member_calls <= 1000
    assert summary.member_calls + summary.spared == 4 * summary.scored
    assert summary.scored > 1000 / 4 * 1.3
    assert summary.degraded == 0
    assert {item.parts["asked_probability"] for item in _items(queue)} == {0.02, 1.0}


def test_the_budget_holds_when_the_cascade_spares_no_more(make, source, sentences, scorer):
    """Texts are taken to cost all members until they are scored, so a stretch of dear ones breaks no budget."""
    spec = SPEC.model_copy(update={"budget": 500})
    score = sparing(scorer, lambda place: place >= 100)
    summary = make([source("corpus:a", sentences(600))], score, spec).run()
    assert 500 - 4 < summary.member_calls <= 500
