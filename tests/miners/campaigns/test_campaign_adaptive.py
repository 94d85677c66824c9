"""Selecting by what people answered: known chances, learning within a campaign, the audit, numbers of old versions."""

from functools import partial
from uuid import uuid4

import numpy as np
import pytest
import tiny_artifact

from ensemble.text import Text
from miners.campaigns.adaptive import by_answers, comparable, threshold_of
from miners.campaigns.campaign import Campaign
from miners.campaigns.labels import Answered
from miners.campaigns.meaning import RememberedMeaning, artifact_meaning
from miners.campaigns.records import Said
from miners.campaigns.scoring import Patience
from miners.campaigns.selection import selection
from miners.campaigns.spec import CampaignSpec
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import CampaignError
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer

SPEC = CampaignSpec(
    task="injury",
    deployed="encoder",
    strategy="adaptive",
    queue_size=48,
    round_size=60,
    batch_size=20,
    places=8,
    seed=3,
)


DRAWS = 150


@pytest.fixture
def scored_of(verdict):
    """A scored text with given probabilities."""

    def make(text, probabilities):
        return Scored(Candidate(Text(text), Provenance(source="corpus:x", family=text)), verdict(probabilities, text))

    return make


@pytest.fixture
def round_of(scored_of):
    """A round of texts that the encoder passes, half of them about knives."""

    def make(count, start=0):
        rng = np.random.default_rng(start)
        made = []
        for n in range(start, start + count):
            about = "the knife lay in the drawer" if n % 2 else "the kettle stood on the stove"
            p = {name: float(rng.uniform(0.05, 0.3)) for name in ("encoder", "judge", "keyword", "probe")}
            made.append(scored_of(f"{about} number {n} of {n * 7}", p))
        return made

    return make


@pytest.fixture
def answered_of(new_item_of):
    """A scored text as a labelled item of the queue."""

    def make(scored, label, version=None):
        verdict = scored.verdict
        if version:
            members = {name: s.model_copy(update={"version": version}) for name, s in verdict.members.items()}
            verdict = verdict.model_copy(update={"members": members})
        text = scored.candidate.text
        return Answered(new_item_of(text.text, verdict=verdict), Said(id=text.id, label=label))

    return make


def test_chances_are_known_and_sum_to_the_places(round_of):
    """Each selected text has its probability in (0, 1], and over many draws each is drawn as often as it says."""
    scored, drawn, chance = round_of(40), np.zeros(40), np.zeros(40)
    place = {item.candidate.text.id: n for n, item in enumerate(scored)}
    for seed in range(DRAWS):
        selected = by_answers(scored, [], 6, SPEC, np.random.default_rng(seed)).selected
        assert len(selected) == 6
        for item in selected:
            at = place[item.scored.candidate.text.id]
            drawn[at] += 1
            chance[at] = item.probability
    assert np.all((chance[drawn > 0] > 0) & (chance <= 1))
    assert np.count_nonzero(drawn) > 30
    spread = np.sqrt(DRAWS * chance * (1 - chance))
    assert np.all(np.abs(drawn - DRAWS * chance) < 5 * spread + 1)


def test_answers_move_the_selection(round_of, answered_of):
    """Where texts about knives were misses and those about kettles were not, the next places go to knives."""
    known = [
        answered_of(item, "yes" if "knife" in item.candidate.text.text else "no") for item in round_of(60, start=100)
    ]
    selected = by_answers(round_of(60), known, 12, SPEC, np.random.default_rng(0)).selected
    knives = ["knife" in item.scored.candidate.text.text for item in selected]
    assert sum(knives) >= 9
    assert all("after 60 labels" in item.why for item in selected)
    assert selected == sorted(selected, key=lambda item: -item.priority)


class Places:
    """Embeds a text by the thing it is about, in words that share nothing; counts the texts that it was given."""

    def __init__(self):
        self.embedded = 0

    def __call__(self, texts):
        self.embedded += len(texts)
        sharp = [any(word in text.text for word in ("knife", "blade")) for text in texts]
        return np.array([[1.0, 0.0] if one else [0.0, 1.0] for one in sharp])


def test_what_texts_mean_carries_answers_to_other_words(scored_of, answered_of, round_of):
    """With an embedder, answers about knives move blades, which share no word with them; items say which it was."""
    known = [
        answered_of(item, "yes" if "knife" in item.candidate.text.text else "no") for item in round_of(60, start=100)
    ]
    p = dict.fromkeys(("encoder", "judge", "keyword", "probe"), 0.2)
    about = ["a blade glinted", "one pot simmered"] * 30
    scored = [scored_of(f"{what} {chr(97 + n % 26) * (n + 1)}", p) for n, what in enumerate(about)]
    shares = []
    for meaning in (RememberedMeaning(Places()), None):
        selected = by_answers(scored, known, 12, SPEC, np.random.default_rng(0), meaning=meaning).selected
        shares.append(sum("blade" in item.scored.candidate.text.text for item in selected) / len(selected))
        assert {item.parts["meaning"] for item in selected} == {float(meaning is not None)}
    assert shares[0] >= 0.75
    assert shares[0] > shares[1]


def test_each_text_is_embedded_once():
    """Texts that come again cost nothing; past the limit all are forgotten, and what is returned stays the same."""
    embedder = Places()
    meaning = RememberedMeaning(embedder, most=4)
    first = [Text("a knife"), Text("a kettle"), Text("a knife")]
    assert meaning(first).tolist() == [[1, 0], [0, 1], [1, 0]]
    assert meaning(first[:2]).dtype == np.float32
    assert embedder.embedded == 2
    assert meaning([Text(f"kettle {n}") for n in range(3)]).shape == (3, 2)
    assert meaning(first).tolist() == [[1, 0], [0, 1], [1, 0]]
    assert embedder.embedded == 7
    assert meaning([]).shape == (0, 0)


def test_the_embedder_is_that_of_the_artifact(monkeypatch, tmp_path):
    """Nothing prepared, or no keyword member: no embedder; else unit vectors by the artifact's own, the same again."""
    monkeypatch.setenv("HUNGJURY_HOME", str(tmp_path))
    assert artifact_meaning("injury") is None
    tiny_artifact.make(members=("encoder",), fingerprint="lone")
    assert artifact_meaning("injury") is None
    tiny_artifact.make()
    texts = [Text("He broke his arm."), Text("She shot him a glance.")]
    first, again = artifact_meaning("injury"), artifact_meaning("injury")
    assert np.linalg.norm(first(texts), axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(first(texts), again(texts))


def test_all_are_taken_where_there_are_places_for_all(round_of):
    """With as many places as texts, each is selected with certainty."""
    selected = by_answers(round_of(5), [], 9, SPEC, np.random.default_rng(0)).selected
    assert [item.probability for item in selected] == [1.0] * 5


def test_numbers_of_old_versions_teach_nothing(round_of, answered_of):
    """A labelled text that members scored at other versions is left out: its numbers are not those of today."""
    old = [answered_of(item, "yes", version="old") for item in round_of(10, start=50)]
    new = [answered_of(item, "no") for item in round_of(10, start=70)]
    assert comparable(round_of(5), [*old, *new]) == new


def test_audited_texts_do_not_lie_at_the_end(round_of):
    """Texts on which all agree, and of low worth, take the places of random others, and say what they are."""
    places = [
        rank
        for seed in range(60)
        for rank, item in enumerate(by_answers(round_of(60), [], 12, SPEC, np.random.default_rng(seed)).selected)
        if item.parts["audit"]
    ]
    assert len(places) > 30
    assert np.mean(places) < 9
    assert min(places) <= 2


def test_thresholds_are_told_from_votes(verdict):
    """The threshold that is found gives every vote again."""
    values = (0.1, 0.4, 0.5, 0.9)
    verdicts = [verdict({"encoder": p}) for p in values]
    threshold = threshold_of(verdicts, "encoder")
    assert [p >= threshold for p in values] == [v.members["encoder"].vote == "yes" for v in verdicts]
    assert threshold_of(verdicts[:2], "encoder") > 0.4
    assert threshold_of([], "encoder") == 0.5


@pytest.mark.parametrize("name", ["deployed-margin", "max-kl", "nonsense"])
def test_rules_without_chance_cannot_fill_a_queue(name):
    """A strategy whose answers tell no rate is refused, with those that may be used."""
    with pytest.raises(CampaignError, match=f"'{name}' cannot fill a queue; a campaign selects by adaptive or ranked"):
        selection(name)


def test_a_campaign_learns_while_it_runs(scorer, source, sentences):
    """With answers coming in between rounds, a whole campaign selects by them, and every item has its q."""
    queue, calls = MemoryQueue("injury"), []

    def score(texts):
        calls.append(1)
        for lease in queue.lease("ann", count=4, seconds=60, request_id=uuid4().hex):
            queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes" if len(lease.text) % 2 else "no", severity=None))
        return scorer(texts)

    summary = Campaign(
        "c",
        SPEC,
        proposers=[source("corpus:a", sentences(360))],
        score=score,
        queue=queue,
        ledger=queue,
        store=MemoryCampaigns(),
        patience=Patience(sleep=lambda _: None),
    ).run()
    items = [item.new for item in queue.arrived(count=1_000)]
    assert summary.queued == len(items) == 48
    assert all(0 < item.selection_probability <= 1 for item in items)
    assert items[0].parts["labels"] == items[0].parts["meaning"] == 0
    assert items[-1].parts["labels"] > 10


def _answering(queue, rater, count, body):
    """A rater takes the best items and answers them."""
    for lease in queue.lease(rater, count=count, request_id=uuid4().hex):
        queue.answer(lease.lease_id, rater, body(lease))


def _campaign(queue, score, source, sentences, store, name="first", **changes):
    return Campaign(
        name,
        SPEC.model_copy(update=changes),
        proposers=[source("corpus:a", sentences(360))],
        score=score,
        queue=queue,
        ledger=queue,
        store=store,
        patience=Patience(sleep=lambda _: None),
    )


@pytest.fixture
def doubtful(round_of, answered_of, scored_of):
    """Selects among calm new texts, with one labelled text about a knife, like misses, of which this was said."""
    known = [
        answered_of(item, "yes" if "knife" in item.candidate.text.text else "no") for item in round_of(30, start=100)
    ]
    at = next(n for n, each in enumerate(known) if "knife" in each.new.text)
    calm = dict.fromkeys(("encoder", "judge", "keyword", "probe"), 0.02)
    fresh = [scored_of(f"the kettle stood on the stove number {n}", calm) for n in range(30)]

    def orders(said, *, ordered=0, **changes):
        doubted = Answered(known[at].new, Said(id=known[at].said.id, **said), ordered)
        asked = [*known[:at], doubted, *known[at + 1 :]]
        found = by_answers(fresh, asked, 12, SPEC.model_copy(update=changes), np.random.default_rng(0)).orders
        return [order for order in found if order.id == doubted.said.id]

    return orders


def test_a_doubtful_label_gets_one_more_vote(doubtful):
    """A text that nobody could judge so far is asked about again, not while that is open, and not where none may be."""
    unsure = {"label": "unsure", "unsure": 1}
    (order,) = doubtful(unsure)
    assert order.needed == 2
    assert order.priority > 0
    assert order.why.endswith("0 yes, 0 no, 1 unsure")
    assert doubtful(unsure, ordered=2) == []
    assert doubtful(unsure, second_votes=0.0) == []


@pytest.mark.parametrize(
    ("said", "needed"),
    [
        ({"label": "yes", "yes": 1, "no": 1}, [3]),
        ({"label": "no", "yes": 1, "no": 2}, []),
        ({"label": "unsure", "unsure": 2}, []),
    ],
)
def test_an_ambiguous_text_is_dropped(doubtful, said, needed):
    """Two who disagree are followed by a third; three votes, or two who cannot say, are the last."""
    assert [order.needed for order in doubtful(said)] == needed


class KilledError(Exception):
    """The process ends."""


class Mortal(MemoryQueue):
    """A queue under which the process ends after the first order, if it `dies`."""

    dies = False

    def order(self, item_id, *args, **kwargs):
        done = super().order(item_id, *args, **kwargs)
        if self.dies:
            self.dies = False
            raise KilledError
        return done


def test_orders_take_places_and_are_the_same_after_a_kill(source, verdict):
    """Killed while it orders, the campaign orders the same again, counts each once, and never queues too much."""

    def score(texts):
        p = {True: (0.2, 0.9, 0.8, 0.9), False: (0.02, 0.02, 0.02, 0.02)}
        names = ("encoder", "judge", "keyword", "probe")
        return [verdict(dict(zip(names, p[text.text.startswith("early")], strict=True)), text.text) for text in texts]

    found = {}
    for dies in (False, True):
        queue, store = Mortal("injury"), MemoryCampaigns()
        campaign = partial(_campaign, queue, score, source)
        campaign(lambda _: [f"early {n} {n * 7}" for n in range(40)], MemoryCampaigns(), queue_size=12).run()
        _answering(queue, "ann", 12, lambda _: NewAnswer(answer="unsure"))
        queue.dies = dies
        again = partial(campaign, lambda _: [f"{n} late {n * 7}" for n in range(120)], store, "second", queue_size=24)
        if dies:
            with pytest.raises(KilledError):
                again().run()
        summary = again().run()
        assert not queue.dies
        items = list(queue.items())
        found[dies] = (summary.ordered, sorted((item.new.id, item.new.needed) for item in items))
        assert sum(item.new.needed - 1 for item in items) == summary.ordered > 1
        assert summary.queued == len(items) - 12 == 24 - summary.ordered
    assert found[False] == found[True]
