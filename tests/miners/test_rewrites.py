"""Rewrites of seed texts: the label is kept, the descent recorded, and no held-out text gets in."""

import json
from collections import Counter

import numpy as np
import pytest

from ensemble.tasks.task import load_task
from ensemble.text import LabelledText
from miners.errors import SourceError
from miners.rewrites.dilution import HARMLESS_STYLES, Dilution
from miners.rewrites.seeds import SeedRewrites, family_of, split_of
from miners.rewrites.typos import Typos
from miners.sentences import split_sentences


@pytest.fixture(scope="module")
def seeds():
    """The labelled rows of the packaged task."""
    return load_task("injury").rows()


def _take(source, count):
    found = []
    while len(found) < count:
        batch = source.propose(min(32, count - len(found)))
        assert batch
        found += batch
    return found


@pytest.fixture(scope="module", params=["dilution", "typos"])
def rewritten(request, seeds):
    """600 rewrites of the training split by one operator, with the operator's name and the seeds by identity."""
    operator = Dilution(seeds) if request.param == "dilution" else Typos()
    source = SeedRewrites(operator, seeds, splits={"train"}, seed=1)
    return request.param, _take(source, 600), {seed.id: seed for seed in seeds}


def test_descent_is_recorded(rewritten):
    """Each rewrite names its operator and parent, inherits the family and expects the parent's label."""
    name, found, seeds = rewritten
    for candidate in found:
        parent = seeds[candidate.provenance.parent]
        assert candidate.provenance.source == f"rewrite:{name}"
        assert candidate.provenance.operators == (name,)
        assert candidate.provenance.family == family_of(parent)
        assert candidate.provenance.expected_label == parent.label
        assert candidate.provenance.row_id == parent.row_id
        assert candidate.text.context == parent.context
        assert candidate.text.id != parent.id
        assert json.dumps(candidate.provenance.meta)


@pytest.mark.parametrize(("effect", "expected"), [("keeps", 1), ("flips", 0), ("unknown", None)])
def test_the_label_expected_follows_from_what_the_operator_does(effect, expected):
    """A rewrite of a yes text expects yes, no or nothing, as its operator keeps, flips or may change the label."""
    operator = Typos()
    operator.effect = effect
    source = SeedRewrites(operator, [LabelledText("Her wrist was broken in several places.", label=1)])
    (candidate,) = source.propose(1)
    assert candidate.provenance.expected_label == expected
    assert candidate.provenance.meta["effect"] == effect


def test_only_allowed_splits_are_rewritten(rewritten):
    """No text of a split that is not allowed is a parent."""
    _, found, seeds = rewritten
    assert {split_of(seeds[c.provenance.parent]) for c in found} == {"train"}


def test_injuries_and_benign_twins_are_treated_alike(rewritten):
    """Both labels are rewritten about as often, each seed once before any is rewritten twice."""
    _, found, _ = rewritten
    labels = Counter(c.provenance.expected_label for c in found)
    assert abs(labels[0] - labels[1]) < 100
    assert max(Counter(c.provenance.parent for c in found).values()) == 1


def test_dilution_keeps_the_text_whole_among_harmless_sentences_of_its_split(seeds):
    """The parent stands word for word; what is around it are benign sentences of other families of the same split."""
    harmless = {}
    for row in seeds:
        if row.label == 0 and row.meta["style"] in HARMLESS_STYLES:
            harmless |= {(split_of(row), family_of(row), sentence): True for sentence in split_sentences(row.text)}
    by_id = {seed.id: seed for seed in seeds}
    for split in ("train", "calibration", "test"):
        for candidate in _take(SeedRewrites(Dilution(seeds), seeds, splits={split}, seed=2), 100):
            parent = by_id[candidate.provenance.parent]
            before, text, after = candidate.text.text.partition(parent.text.strip())
            assert text
            fillers = candidate.provenance.meta["fillers"]
            assert 3 <= len(fillers) == len(set(fillers)) <= 8
            assert family_of(parent) not in fillers
            allowed = [sentence for (where, family, sentence) in harmless if where == split and family in fillers]
            left = before + after
            for sentence in sorted(allowed, key=len, reverse=True):
                left = left.replace(sentence, "", 1)
            assert not left.strip()


def test_dilution_treats_both_labels_with_the_same_amounts(seeds):
    """Number and place of the added sentences do not tell the label."""
    found = _take(SeedRewrites(Dilution(seeds), seeds, splits={"train"}, seed=3), 800)
    added = {
        label: [len(c.provenance.meta["fillers"]) for c in found if c.provenance.expected_label == label]
        for label in (0, 1)
    }
    assert abs(np.mean(added[0]) - np.mean(added[1])) < 0.4


def test_dilution_without_enough_harmless_sentences_is_refused():
    """Too few benign rows to dilute with are an error at the start."""
    rows = [LabelledText("He broke his arm.", label=1, meta={"family": "a", "split": "train", "style": "explicit"})]
    with pytest.raises(SourceError, match="harmless sentences"):
        Dilution(rows)


def test_typos_swap_inner_letters_of_a_few_words(seeds):
    """Words keep their letters and their ends; at least one and only a few of them change."""
    for candidate in _take(SeedRewrites(Typos(), seeds, splits={"test"}, seed=4), 200):
        parent = next(seed for seed in seeds if seed.id == candidate.provenance.parent)
        pairs = list(zip(parent.text.split(), candidate.text.text.split(), strict=True))
        changed = [(old, new) for old, new in pairs if old != new]
        assert 1 <= len(changed) <= max(1, 0.3 * len(pairs))
        assert all(sorted(old) == sorted(new) and (old[0], old[-1]) == (new[0], new[-1]) for old, new in changed)


def test_texts_without_a_long_word_are_passed_over():
    """Where an operator applies to no text, nothing is proposed."""
    rows = [LabelledText("He hit me. Ow. Aaaaaa!", label=1, meta={"family": "a", "split": "train"})]
    assert SeedRewrites(Typos(), rows).propose(5) == []


@pytest.mark.parametrize("make", [Dilution, lambda _: Typos()], ids=["dilution", "typos"])
def test_it_is_deterministic_and_goes_on_from_any_position(seeds, make):
    """Same seed, same rewrites; restored from its state, the rest; the limit holds over the restart."""
    first = SeedRewrites(make(seeds), seeds, seed=5, limit=40)
    head, state, tail = first.propose(13), json.loads(json.dumps(first.state())), []
    while batch := first.propose(10):
        tail += batch
    assert len(head) + len(tail) == 40
    again = SeedRewrites(make(seeds), seeds, seed=5, limit=40)
    again.restore(state)
    assert again.expected(100) == 27
    assert again.propose(100) == tail
    assert SeedRewrites(make(seeds), seeds, seed=6).propose(13) != head


def test_no_seed_in_the_allowed_splits_is_refused(seeds):
    """Allowing a split that has no rows is an error at the start."""
    with pytest.raises(SourceError, match="nowhere"):
        SeedRewrites(Typos(), seeds, splits={"nowhere"})
