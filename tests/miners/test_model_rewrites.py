"""Rewrites that go by models: which words may change, who is moved how, and the guided choice among many."""

import json

import numpy as np
import pytest

from ensemble.calibration import Platt, logit
from ensemble.errors import InputError
from ensemble.sensitivity import Sensitivity, word_spans
from ensemble.text import LabelledText, Text
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Scored
from miners.constraints import Constraints, Limits
from miners.errors import SourceError
from miners.rewrites.flips import FIRST_ORDER, Flips
from miners.rewrites.guided import GuidedRewrites
from miners.rewrites.infill import Infill
from miners.rewrites.neighbours import Neighbours, ending
from miners.rewrites.paraphrase import Paraphrase
from miners.rewrites.surrogate import Surrogate
from miners.rewrites.synonyms import Synonyms

ROOMS = ["kitchen", "bathroom", "cellar", "garden"]
PACES = ["loudly", "noisily", "softly"]
WEAPONS = ["knife", "dagger", "fork"]
WEIGHTS = {
    "kitchen": 2.0,
    "bathroom": 0.5,
    "cellar": -1.0,
    "garden": 1.0,
    "loudly": 1.0,
    "noisily": -0.5,
    "softly": -3.0,
}
SEED = LabelledText("In the kitchen she sang loudly while the knife went through his palm.", label=1, row_id="s1")


@pytest.fixture(scope="module")
def neighbours():
    """Three groups of words, each close together; the task's lexicon knows the knife."""
    groups = np.repeat(np.eye(3), [len(ROOMS), len(PACES), len(WEAPONS)], axis=0)
    noise = np.random.default_rng(0).normal(scale=0.05, size=groups.shape)
    vectors = np.hstack([groups + noise, 0.1 * np.eye(len(groups))]).astype(np.float32)
    return Neighbours([*ROOMS, *PACES, *WEAPONS], vectors, carriers=["knife"])


class BagOfWords:
    """A member whose logit is the sum of its words' weights, so that first order is all there is."""

    calibration = Platt(slope=1.0, intercept=0.0)

    def __init__(self):
        self.looked = 0

    def logit(self, text):
        return sum(WEIGHTS.get(text[slice(*span)].lower(), 0.0) for span in word_spans(text))

    def look(self, texts):
        self.looked += len(texts)
        return [self._seen(text) for text in texts]

    def _seen(self, text):
        spans = word_spans(text.text)
        words = tuple(text.text[slice(*span)] for span in spans)
        weights = np.array([WEIGHTS.get(word.lower(), 0.0) for word in words])
        return Sensitivity(text, self.logit(text.text), spans, words, weights, np.zeros((len(words), 1), np.float32))

    def effects(self, sensitivity, word, candidates):
        old = WEIGHTS.get(sensitivity.words[word].lower(), 0.0)
        return np.array([WEIGHTS.get(other.lower(), 0.0) - old for other in candidates])


def test_neighbours_are_near_words_of_the_same_form(neighbours):
    """The nearest first, cased like the word; a word far off or of another ending is none."""
    found = [word for word, _ in neighbours.of("Kitchen")]
    assert set(found) == {"Bathroom", "Cellar", "Garden"}
    assert neighbours.of("kitchen", 1) == neighbours.of("kitchen")[:1]
    assert [ending(word) for word in ("walked", "walking", "stairs", "softly", "red")] == ["ed", "ing", "s", "ly", ""]


@pytest.mark.parametrize("word", ["knife", "dagger", "not", "unheard-of"])
def test_words_that_carry_the_answer_stay(neighbours, word):
    """So do what lies near them, words of grammar, and words that nothing is known of."""
    assert not neighbours.allowed(word)
    assert neighbours.of(word) == []


def test_opposites_do_not_replace_each_other(neighbours):
    """However near they lie: loudly and softly do, and only noisily is offered."""
    assert [word for word, _ in neighbours.of("loudly")] == ["noisily"]


def _flips(neighbours, **settings):
    guide = BagOfWords()
    return guide, Flips(guide, neighbours, **settings)


def test_flips_take_what_moves_the_member_most(neighbours):
    """A yes text goes down, a no text up, and the noted first-order effect is what happens to a linear member."""
    guide, flips = _flips(neighbours, spread=0.0, most=2)
    for label in (0, 1):
        parent = LabelledText(SEED.text, label=label)
        for number in range(6):
            made = flips.rewrite(parent, np.random.default_rng(number))
            if made is None:
                assert label == 0  # nothing raises the logit of a text that holds the heaviest words already
                continue
            text, notes = made
            change = guide.logit(text.text) - guide.logit(parent.text)
            assert change == pytest.approx(notes[FIRST_ORDER])
            assert change < 0 if label else change > 0
            assert "knife" in text.text


def test_a_text_is_looked_at_once_and_each_look_is_told(neighbours):
    """Many rewrites of one text cost one gradient pass."""
    guide, flips = _flips(neighbours)
    for number in range(5):
        flips.rewrite(SEED, np.random.default_rng(number))
    assert guide.looked == flips.take_cost().gradient_passes == 1
    assert flips.take_cost().gradient_passes == 0


def test_a_text_in_which_nothing_can_change_is_not_looked_at(neighbours):
    """A pass would be paid for nothing."""
    guide, flips = _flips(neighbours)
    assert flips.rewrite(LabelledText("He bled.", label=1), np.random.default_rng(0)) is None
    assert guide.looked == flips.take_cost().gradient_passes == 0


def test_synonyms_replace_only_words_that_may_go(neighbours):
    """Each replaced word is a neighbour of the old one; the rest stands as it stood."""
    for number in range(20):
        text, notes = Synonyms(neighbours).rewrite(SEED, np.random.default_rng(number))
        old, new = SEED.text.split(), text.text.split()
        changed = {one: other for one, other in zip(old, new, strict=True) if one != other}
        assert changed == notes["words"] != {}
        assert all(other in [word for word, _ in neighbours.of(one)] for one, other in changed.items())


@pytest.mark.parametrize("make", [lambda n: Flips(BagOfWords(), n), Synonyms], ids=["flips", "synonyms"])
def test_a_text_without_such_words_is_passed_over(neighbours, make):
    """Then there is nothing to rewrite."""
    assert make(neighbours).rewrite(LabelledText("He bled.", label=1), np.random.default_rng(0)) is None


def test_infill_cuts_around_a_word_that_does_not_matter(neighbours):
    """What stands left and right stays word for word, and the gap is filled with one of the best."""
    asked = []

    def fill(gaps, seed):
        asked.append((gaps, seed))
        return [[("attic", -1.0), ("kitchen", -2.0)] for _ in gaps]

    text, notes = Infill(fill, neighbours, most=1).rewrite(SEED, np.random.default_rng(1))
    ((left, right, _),) = asked[0][0]
    assert text.text == left + "attic" + right
    assert left + notes["old"] + right == SEED.text
    assert notes["old"] in {"kitchen", "loudly"}
    assert Infill(lambda gaps, _: [[] for _ in gaps], neighbours).rewrite(SEED, np.random.default_rng(1)) is None


@pytest.mark.parametrize(("written", "kept"), [("He cut himself.", True), ("", False), (SEED.text + " ", False)])
def test_a_paraphrase_must_say_something_else(written, kept):
    """An empty one, or the same text again, is none."""
    made = Paraphrase(lambda texts, _: [written for _ in texts]).rewrite(SEED, np.random.default_rng(0))
    assert (made is not None) == kept


def test_the_surrogate_learns_what_moves_a_linear_member():
    """After some observations what it expects is near the truth, and what was learned survives as JSON."""
    rng, weights = np.random.default_rng(0), np.array([2.0, -1.0, 0.5])
    surrogate = Surrogate(3)
    features = rng.normal(size=(200, 3))
    surrogate.learn(features, features @ weights + rng.normal(scale=0.5, size=200))
    asked = rng.normal(size=(20, 3))
    assert surrogate.expected(asked) == pytest.approx(asked @ weights, abs=0.4)
    again = Surrogate(3)
    again.restore(json.loads(json.dumps(surrogate.state())))
    assert again.expected(asked) == pytest.approx(surrogate.expected(asked), abs=1e-3)
    with pytest.raises(InputError, match="features"):
        Surrogate(4).restore(surrogate.state())


def test_what_is_little_known_is_explored():
    """Draws differ much where nothing was seen, and little where much was."""
    surrogate = Surrogate(2)
    surrogate.learn(np.tile([[1.0, 0.0]], (500, 1)), np.ones(500))
    rng = np.random.default_rng(0)
    draws = np.array([surrogate.drawn(np.eye(2), rng) for _ in range(200)])
    assert draws[:, 0].std() < 0.1
    assert draws[:, 1].std() > 0.5


def _meaning(texts):
    """Words as directions; unit length."""
    vocabulary = [*ROOMS, *PACES, "she"]
    counts = np.array([[float(word in text.text.lower()) for word in vocabulary] for text in texts])
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def _seeds(count=12):
    return [
        LabelledText(SEED.text.replace("his palm", f"palm number {i}"), label=1, meta={"split": "train"})
        for i in range(count)
    ]


def _proposer(neighbours, seeds, **settings):
    guide = BagOfWords()
    known = {seed.id: 1 / (1 + np.exp(-guide.logit(seed.text))) for seed in seeds}
    made = GuidedRewrites(
        [Flips(guide, neighbours), Synonyms(neighbours)], seeds, meaning=_meaning,
        constraints=Constraints(Limits(near_duplicate=1.0)), deployed="bag", known=known, rewrites=8, **settings,
    )  # fmt: skip
    return guide, made


def _scored(guide, candidates, threshold=0.5):
    found = []
    for one in candidates:
        p = float(1 / (1 + np.exp(-guide.logit(one.text.text))))
        score = MemberScore(probability=p, vote="yes" if p >= threshold else "no", version="1")
        verdict = Verdict(
            id=one.text.id, probability=p, decision="flag", disagreement=0, miss_score=0, members={"bag": score},
            degraded=[], review=False,
        )  # fmt: skip
        found.append(Scored(one, verdict))
    return found


def test_one_rewrite_of_each_seed_is_proposed_with_its_descent(neighbours):
    """Parent, operator and expected label are those of the seed, and no seed stands twice in a batch."""
    seeds = _seeds()
    _, proposer = _proposer(neighbours, seeds)
    batch = proposer.propose(5)
    assert len({one.provenance.parent for one in batch}) == len(batch) == 5
    for one in batch:
        assert one.provenance.source == "rewrite:guided"
        assert one.provenance.operators[0] in {"flips", "synonyms"}
        assert one.provenance.expected_label == 1
        assert json.dumps(one.provenance.meta)


def test_a_seed_that_was_fooled_with_is_done_and_others_are_tried_again(neighbours):
    """Until the tries are used up; then nothing more is proposed."""
    seeds = _seeds()
    guide, proposer = _proposer(neighbours, seeds, tries=3)
    proposals, fooled = {}, set()
    while batch := proposer.propose(4):
        for one in _scored(guide, batch):
            parent = one.candidate.provenance.parent
            assert parent not in fooled
            proposals[parent] = proposals.get(parent, 0) + 1
            fooled |= {parent} if one.verdict.members["bag"].vote == "no" else set()
            proposer.observe([one])
    assert max(proposals.values()) <= 3
    assert len(fooled) >= len(seeds) // 2


def test_it_learns_to_propose_what_fools(neighbours):
    """Late proposals move the member further than early ones made by chance."""
    guide, proposer = _proposer(neighbours, _seeds(60), tries=1)
    changes = []
    while batch := proposer.propose(5):
        scored = _scored(guide, batch)
        changes += [logit(one.verdict.members["bag"].probability) - guide.logit(SEED.text) for one in scored]
        proposer.observe(scored)
    assert np.mean(changes[-20:]) < np.mean(changes[:10]) - 0.3


def test_it_goes_on_from_its_state(neighbours):
    """A copy made from its state proposes the same; what was proposed and not scored counts as a try."""
    guide, first = _proposer(neighbours, _seeds())
    first.observe(_scored(guide, first.propose(4)))
    state = json.loads(json.dumps(first.state()))
    _, again = _proposer(neighbours, _seeds())
    again.restore(state)
    assert sum(tried for _, tried in again.notes()["operators"].values()) == 4
    lost = [one.text for one in first.propose(3)]
    assert [one.text for one in again.propose(3)] == lost
    _, third = _proposer(neighbours, _seeds())
    third.restore(json.loads(json.dumps(first.state())))
    assert [one.text for one in third.propose(5)] == [one.text for one in first.propose(5)]


def test_it_tells_what_gradients_cost(neighbours):
    """One pass for each seed that was its turn."""
    _, proposer = _proposer(neighbours, _seeds())
    proposer.propose(4)
    assert proposer.take_cost().gradient_passes == 4
    assert proposer.take_cost().gradient_passes == 0


def test_what_was_borrowed_too_often_is_left_out():
    """A filler that fooled the member as often as allowed is not used again: it would be one failure many times."""

    class Borrowing:
        name, effect, style = "borrowing", "keeps", "diluted"

        def rewrite(self, parent, _rng):
            return Text(f"{parent.text} Softly it rained.", parent.context), {"fillers": ["rain"]}

    guide = BagOfWords()
    proposer = GuidedRewrites(
        [Borrowing()], _seeds(), meaning=_meaning, constraints=Constraints(), deployed="bag", uses=2, tries=1
    )
    made = 0
    while batch := proposer.propose(1):
        made += len(batch)
        proposer.observe(_scored(guide, batch, threshold=0.9))
    assert made == 2


def test_nothing_to_rewrite_is_refused(neighbours):
    """No operator, or no seed in the splits, is an error at the start."""
    with pytest.raises(SourceError, match="operator"):
        _proposer(neighbours, _seeds(), splits={"nowhere"})
