"""Rewrites by models as sources of campaigns: which there are, what is missing and why, and going on after a kill."""

import json

import pytest
import tiny_artifact
import word_models

from ensemble.tasks.task import load_task
from ensemble.text import LabelledText
from miners.campaigns.campaign import Campaign
from miners.campaigns.intake import shares_of
from miners.campaigns.scoring import Patience
from miners.campaigns.sources import goes_by_models, missing_sources, proposers_for
from miners.campaigns.spec import CampaignSpec
from miners.candidate import Scored
from miners.proposer import Outcome
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue
from miners.rewrites.guided import GuidedRewrites
from miners.rewrites.infill import Infill
from miners.rewrites.modelled import FLUENCY, MODELLED, RewriteModels, rewrite_models, without_models
from miners.rewrites.planted import Planted
from miners.rewrites.registry import operators
from miners.rewrites.seeds import CostlyRewrites
from miners.rewrites.trust import Trust
from miners.rewrites.typos import Typos
from miners.search.constraint import Measured

SPEC = CampaignSpec(task="injury", deployed="encoder", budget=600, queue_size=20, round_size=32, batch_size=8)
GUIDED_ALONE = {"search": 0.0, "rewrite": 0.0, "rewrite:guided": 1.0}
CLOCKS = {"seconds", "cpu_seconds", "proposing"}


def _spec(**shares):
    return SPEC.model_copy(update={"shares": {name.replace("__", ":"): share for name, share in shares.items()}})


def _names(spec, models):
    return [proposer.name for proposer in proposers_for(spec, load_task("injury"), None, models=models)]


def test_guided_rewriting_flips_and_synonyms_are_there_by_default():
    """What a language model must write takes part only where its share is named."""
    rules = {f"rewrite:{name}" for name in operators(load_task("injury"))}
    assert set(_names(SPEC, word_models.models())) - rules == {
        "rewrite:flips", "rewrite:synonyms", "rewrite:guided", "search"
    }  # fmt: skip
    named = _spec(rewrite=0, rewrite__infill=1, rewrite__paraphrase=2, search=0)
    assert _names(named, word_models.models()) == ["rewrite:infill", "rewrite:paraphrase"]


def test_guided_rewriting_has_half_of_what_rewrites_give_beside_them():
    """Its share does not shrink with the number of operators, and goes with theirs unless it is named."""
    names = _names(SPEC, word_models.models())
    assert shares_of(names, SPEC)["rewrite:guided"] == 1.0
    every = sum(share for name, share in shares_of(names, SPEC).items() if name.startswith("rewrite:"))
    assert every == pytest.approx(3.0)
    assert shares_of(names, _spec(rewrite=6))["rewrite:guided"] == 3.0
    assert shares_of(names, _spec(rewrite__guided=5))["rewrite:guided"] == 5.0
    assert "rewrite:guided" not in _names(_spec(rewrite=0), word_models.models())


@pytest.mark.parametrize(
    ("shares", "needed"),
    [({}, True), ({"rewrite": 0, "search": 0}, False), ({"rewrite": 0, "search": 0, "rewrite:infill": 1}, True)],
)
def test_models_are_needed_only_where_a_source_goes_by_them(shares, needed):
    """A campaign over a corpus alone loads none."""
    assert goes_by_models(SPEC.model_copy(update={"shares": shares})) == needed


def test_what_cannot_be_had_is_named_and_the_campaign_goes_on(scorer):
    """Sources asked for, and parts of those that remain, stand among what was taken out, each with the reason."""
    spec = _spec(rewrite__dilution=1, rewrite__infill=1, rewrite__dilutoin=1).model_copy(update={"budget": 400})
    models = without_models("nothing is prepared")
    queue, proposers = MemoryQueue("injury"), proposers_for(spec, load_task("injury"), None, models=models)
    summary = Campaign(
        "c", spec, proposers=proposers, score=scorer, queue=queue, ledger=queue, store=MemoryCampaigns(),
        left_out=missing_sources(spec, load_task("injury"), models),
    ).run()  # fmt: skip
    assert summary.queued > 0
    whole = {name: why for name, why in summary.benched.items() if name.startswith("rewrite:")}
    parts = {name for name in summary.benched if name.startswith("search: ")}
    assert parts == {"search: flips", "search: synonyms", "search: infill", "search: fluency", "search: meaning"}
    assert set(whole) == {f"rewrite:{name}" for name in ("flips", "synonyms", "infill", "guided", "dilutoin")}
    assert whole.pop("rewrite:dilutoin") == "task 'injury' has no rewriting operator of this name"
    assert {*whole.values(), *(summary.benched[name] for name in parts)} == {"nothing is prepared"}


def test_a_member_without_gradients_is_said_to_have_none():
    """A bag of words has no twin, a keyword member no gradient, another version other weights; each says so."""
    artifact, lexicon = tiny_artifact.make(), load_task("injury").lexicon
    found = rewrite_models(artifact, lexicon, "encoder", writer=None)
    assert "no export of the packaged MiniLM" in found.missing["flips"]
    assert found.missing[FLUENCY] == "no member group has a language model of its own"
    assert set(found.missing) == {*MODELLED, FLUENCY}
    keyword = rewrite_models(artifact, lexicon, "keyword", writer=None)
    assert "'keyword' is of kind 'keyword'" in keyword.missing["flips"]
    other = rewrite_models(artifact, lexicon, "encoder", writer=None, serving={"encoder": "another"})
    assert "serves in version another" in other.missing["flips"]


def _run(proposers, scorer, *, queue, store, spec, **more):
    return Campaign(
        "c", spec, proposers=proposers, score=scorer, queue=queue, ledger=queue, store=store,
        patience=Patience(sleep=lambda _: None), **more,
    ).run()  # fmt: skip


@pytest.mark.parametrize("shares", [GUIDED_ALONE, {"rewrite": 0.0, "rewrite:flips": 1.0}])
def test_a_campaign_killed_anywhere_queues_the_same_and_pays_once(scorer, shares):
    """Begun anew with fresh proposers after every few batches, it ends as if never stopped, its gradients charged once.

    What the language model read again after a kill is the only other trace.
    """
    spec = SPEC.model_copy(update={"shares": shares})

    def proposers():
        return proposers_for(spec, load_task("injury"), None, models=word_models.models())

    whole, parts, store = MemoryQueue("injury"), MemoryQueue("injury"), MemoryCampaigns()
    expected = _run(proposers(), scorer, queue=whole, store=MemoryCampaigns(), spec=spec)
    runs, summary = 0, None
    while summary is None or summary.ended == "stopped":
        left = [True, True, False]
        summary = _run(
            proposers(), scorer, queue=parts, store=store, spec=spec, stopping=lambda left=left: not left.pop(0)
        )
        runs += 1
    assert runs > 1
    assert expected.benched == {}
    assert expected.queued > 0
    assert expected.gradient_passes > 0
    assert _queued(parts) == _queued(whole)
    ours = CLOCKS | {"model_texts"}
    assert summary.model_dump(exclude=ours) == expected.model_dump(exclude=ours)


def _queued(queue):
    return sorted((item.new.id, item.new.selection_probability) for item in queue.items())


def test_the_budget_pays_two_calls_a_gradient_pass_and_counts_what_was_read(scorer):
    """Guided rewriting is charged for its looks, and says how many texts the language model read for it."""
    spec = SPEC.model_copy(update={"shares": GUIDED_ALONE})
    guide = word_models.WordSum()
    queue = MemoryQueue("injury")
    found = [_guided(list(word_models.models(guide=guide).operators().values()))]
    summary = _run(found, scorer, queue=queue, store=MemoryCampaigns(), spec=spec)
    assert summary.gradient_passes == len(guide.looked) == len(set(guide.looked))
    assert summary.spent == summary.member_calls + 2 * summary.gradient_passes <= spec.budget
    assert summary.model_texts == summary.proposing["rewrite:guided"].model_texts >= summary.proposed
    assert set(summary.by_source) == {"rewrite:guided"}
    assert summary.notes["rewrite:guided"]["operators"]


def test_guided_rewriting_makes_harmful_texts_of_benign_ones():
    """Benign seeds come through operators that flip their label, and no rewrite is expected to be harmless."""
    guided = _guided([Planted()])
    found = [one for _ in range(12) for one in guided.propose(16)]
    parents = {row.id: row.label for row in load_task("injury").rows("train")}
    assert {parents[one.provenance.parent] for one in found} == {0, 1}
    assert {one.provenance.expected_label for one in found} == {1}


def _guided(chosen, **settings):
    return GuidedRewrites(
        chosen, load_task("injury").rows(), meaning=word_models.meaning, splits={"train"}, deployed="encoder",
        constraints=word_models.models().constraints(), **settings,
    )  # fmt: skip


def test_what_fooled_the_member_is_followed_by_its_benign_twin(verdict):
    """The same operator rewrites the other row of the family; with the same random numbers, after a resumption too."""
    guided = _guided([Typos()], twins=True)
    rows = {row.id: row for row in load_task("injury").rows("train")}
    harmful = [one for one in guided.propose(16) if rows[one.provenance.parent].label]
    guided.observe([Scored(one, verdict({"encoder": 0.1}, one.text.text)) for one in harmful])
    resumed = _guided([Typos()], twins=True)
    resumed.restore(json.loads(json.dumps(guided.state())))
    waiting = guided.expected(10**6)
    twins = guided.propose(len(harmful))
    assert [one.text for one in resumed.propose(len(harmful))] == [one.text for one in twins]
    assert guided.expected(10**6) <= waiting - len(twins)
    assert [one.provenance.meta["pair"] for one in twins] == [one.text.id for one in harmful]
    for one, fooling in zip(twins, harmful, strict=True):
        parent, twin_of = rows[one.provenance.parent], rows[one.provenance.meta["twin_of"]]
        assert (parent.label, twin_of.label, one.provenance.expected_label) == (0, 1, 0)
        assert twin_of.id == fooling.provenance.parent
        assert one.provenance.operators == fooling.provenance.operators
        assert parent.meta["family"] == twin_of.meta["family"] or not _has_twin(twin_of, rows.values())
    assert all("pair" not in one.provenance.meta for one in guided.propose(8))


def _has_twin(text, rows):
    return any(row.meta["family"] == text.meta["family"] and not row.label for row in rows)


def test_no_twins_where_none_are_wanted_or_none_fooled(verdict):
    """What the member flags has no twin, nor has anything unless asked for."""
    for wanted, p in ((True, 0.9), (False, 0.1)):
        guided = _guided([Typos()], twins=wanted, tries=1)
        guided.observe([Scored(one, verdict({"encoder": p}, one.text.text)) for one in guided.propose(16)])
        assert all("twin_of" not in one.provenance.meta for one in guided.propose(16))


def test_seeds_that_the_member_misses_already_are_left_alone():
    """Of a yes that it passes as it stands a rewrite would tell nothing new."""
    rows = [row for row in load_task("injury").rows("train") if row.label == 1][:20]
    known = {row.id: 0.1 if place % 2 else 0.9 for place, row in enumerate(rows)}
    chosen = list(operators(load_task("injury")).values())
    guided = GuidedRewrites(
        chosen, rows, meaning=word_models.meaning, deployed="encoder", known=known,
        constraints=word_models.models().constraints(),
    )  # fmt: skip
    parents = {one.provenance.parent for one in guided.propose(20)}
    assert parents
    assert {known[parent] for parent in parents} == {0.9}


def test_operators_whose_texts_people_refute_are_trusted_less():
    """A rule begins near certainty, what people must say below half; answers move both, and survive as JSON."""
    trust, rule, asked = Trust(), Planted(), Infill(lambda gaps, _: [[] for _ in gaps], word_models.neighbours())
    assert trust(rule, 1) == 0.95
    assert trust(asked, 1) == 0.4
    for _ in range(5):
        trust.answer("planted", 1, held=False)
        trust.answer("infill", 1, held=True)
    again = Trust()
    again.restore(json.loads(json.dumps(trust.state())))
    assert again(rule, 1) == trust(rule, 1) < 0.7
    assert again(asked, 1) == trust(asked, 1) > 0.7


def test_guided_rewriting_learns_what_people_said():
    """An operator whose texts were refuted again and again is hardly proposed any more; without that, it is."""
    shares = {}
    for refuted in (0, 200):
        guided = _guided([Typos(), Planted()], rewrites=12)
        first = next(one for _ in range(9) for one in guided.propose(16) if one.provenance.operators == ("typos",))
        said = Outcome(first.text.id, first.text.text, "", first.provenance, label=0, missed=False)
        guided.learn([said] * refuted)
        rows = {row.id: row.label for row in load_task("injury").rows("train")}
        found = [one.provenance for one in guided.propose(64) if rows[one.provenance.parent] == 1]
        shares[refuted] = sum(one.operators == ("typos",) for one in found) / len(found)
    assert shares[200] < shares[0] / 2


def test_written_rewrites_are_asked_for_together_and_twins_share_their_numbers():
    """A batch goes to the language model in one call, and is counted as what it wrote."""
    calls = []

    class Counting(word_models.Reader):
        def infill(self, gaps, seed):
            calls.append(len(gaps))
            return super().infill(gaps, seed)

    made = word_models.models(writer=Counting()).operators(written=["infill"])["infill"]
    rows = [
        LabelledText(f"At {place} o'clock the horse in the street {end}.", label=label, meta={"family": str(place)})
        for place in range(8)
        for label, end in ((1, "broke his leg"), (0, "neighed at noon"))
    ]
    source = CostlyRewrites(made, rows, at_once=16)
    found = source.propose(16)
    assert (len(found), calls) == (16, [16])
    assert source.take_cost().model_texts == 16
    pairs = {one.provenance.meta["pair"] for one in found}
    assert len(pairs) == 8


def test_the_search_keeps_to_meaning_and_fluency_and_spares_disguises():
    """Rewrites in plain words carry their numbers and keep to the limits, fluency among them where a model put words
    in; disguises have none.
    """
    spec = _spec(rewrite=0)
    (search,) = proposers_for(spec, load_task("injury"), None, models=word_models.models())
    found = [one.provenance for one in search.propose(800)]  # few words have neighbours here
    disguised = {name for name, one in operators(load_task("injury")).items() if one.style == "disguise"}
    plain = [one for one in found if not disguised & set(one.operators)]
    assert plain
    assert len(plain) < len(found)
    assert all(one.meta["meaning"] >= 0.7 for one in plain)
    reworded = [one for one in plain if {"flips", "synonyms"} & set(one.operators)]
    assert reworded
    assert all(one.meta["perplexity_ratio"] <= 1.5 for one in reworded)
    assert not any("perplexity_ratio" in one.meta for one in found if one not in reworded)
    assert not any("meaning" in one.meta for one in found if disguised & set(one.operators))
    assert search.take_cost().model_texts >= len(reworded)


def test_the_search_makes_yes_of_no_texts():
    """What is planted into a benign text, and a figure of speech made literal, is expected to be a yes."""
    spec = _spec(rewrite=0)
    (search,) = proposers_for(spec, load_task("injury"), None, models=RewriteModels())
    found = [one.provenance for one in search.propose(300) if one.provenance.meta["origin"] == "benign"]
    assert {one.operators[0] for one in found} <= {"planted", "figurative"}
    assert found
    assert {one.expected_label for one in found} == {1}


def test_a_measure_that_spares_nobody_measures_all():
    """Without operators to spare every rewrite is measured."""
    assert not Measured(lambda _: []).spares(["leetspeak"])
    assert Measured(lambda _: [], spared=["leetspeak"]).spares(["dilution", "leetspeak"])


def test_a_measure_for_some_operators_spares_the_others():
    """A text is measured if one of them had a hand in it, unless a spared one had as well."""
    measure = Measured(lambda _: [], spared=["leetspeak"], only=["flips"])
    assert measure.spares(["dilution"])
    assert not measure.spares(["dilution", "flips"])
    assert measure.spares(["flips", "leetspeak"])
