"""Operators and constraints that fail are benched and named, and the search goes on without them."""

import json
import re
from dataclasses import dataclass

import numpy as np
import pytest

from ensemble.text import MAX_TEXT_CHARS, Text
from miners.errors import SourceError
from miners.rewrites.workshop import Workshop
from miners.search.constraint import Checked, Length, Measured


class _Hostile:
    """An operator that gives, or raises, what it was told to."""

    effect, style = "keeps", "odd"

    def __init__(self, given, name="hostile"):
        self.given, self.name = given, name

    def rewrite(self, _parent, _rng):
        if isinstance(self.given, BaseException):
            raise self.given
        return self.given


def _goes_on(search, judged):
    found = []
    for _ in range(10):
        batch = search.propose(16)
        assert batch
        search.observe(judged(batch))
        found += batch
    return found


@pytest.mark.parametrize(
    "given",
    [
        RuntimeError("no"),
        MemoryError(),
        RecursionError("deep"),
        "a string",
        (Text("x"),),
        (Text("x"), None),
        ("x", {}),
        (Text(5), {}),
        (Text("x", None), {}),
        (Text("x"), {"a": object()}),
        (Text("x"), {"a": float("nan")}),
        (Text("x"), {"a": "b" * 10_000}),
        42,
    ],
    ids=lambda given: re.sub(r" at 0x\w+", "", repr(given))[:60],  # the same in every process
)
def test_an_operator_that_raises_or_gives_rubbish_is_benched_and_named(make_search, judged, appending, given):
    """The other operator gives all texts; the reason can be shown, and is kept over a restart."""
    search = make_search([_Hostile(given), appending()])
    found = _goes_on(search, judged)
    assert {c.provenance.operators for c in found} == {("appending",)}
    assert list(search.benched) == ["hostile"]
    assert search.benched["hostile"]
    again = make_search([_Hostile(given), appending()])
    again.restore(json.loads(json.dumps(search.state())))
    assert again.benched == search.benched


@pytest.mark.parametrize(
    "given",
    [
        None,
        (Text(""), {}),
        (Text("x" * (MAX_TEXT_CHARS + 1)), {}),
        (Text("nul \0 inside"), {}),
        (Text("\ud800 alone"), {}),
    ],
    ids=["none", "empty", "too long", "NUL", "surrogate"],
)
def test_an_operator_that_never_gives_anything_readable_is_benched(make_search, appending, given):
    """After many texts in a row of which it makes nothing, and not after a few."""
    operator = _Hostile(given)
    search = make_search([operator])
    assert search.propose(16) == []
    assert "nothing" in search.benched["hostile"]
    workshop = Workshop([operator, appending()])
    parent = Text("some parent text")
    for _ in range(50):
        assert workshop.rewrite(operator, parent, np.random.default_rng(0)) is None
    assert workshop.benched == {}


def test_with_all_operators_benched_nothing_more_is_given(make_search):
    """The search ends instead of going round in circles."""
    search = make_search([_Hostile(ValueError("a"), "one"), _Hostile(7, "two")])
    assert search.propose(16) == []
    assert set(search.benched) == {"one", "two"}


@pytest.mark.parametrize(
    ("field", "value"), [("effect", "improves"), ("style", ""), ("style", None), ("rewrite", None)]
)
def test_an_operator_without_its_attributes_is_benched_at_once(make_search, appending, field, value):
    """What is no operator is named before it is ever asked."""
    broken = appending("broken")
    setattr(broken, field, value)  # as somebody's own operator may have it
    search = make_search([broken, appending()])
    assert list(search.benched) == ["broken"]
    assert {c.provenance.operators for c in search.propose(16)} == {("appending",)}
    assert set(make_search([object(), appending()]).benched) == {"operator 1"}


def test_two_operators_of_one_name_are_refused(make_search, appending):
    """Nobody could tell their findings apart."""
    with pytest.raises(SourceError, match="'appending'"):
        make_search([appending(), appending()])


class _Constraint:
    name = "fluency"

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def check(self, parents, texts):
        self.asked += zip(parents, texts, strict=True)
        return self.answer(len(texts))


def _raises(_):
    raise OSError("model is gone")


@pytest.mark.parametrize(
    "answer",
    [_raises, lambda _: None, lambda n: (np.ones(n + 1, bool), {}), lambda n: (np.ones(n, bool), {"x": 3})],
    ids=["raises", "none", "too many", "a number for all"],
)
def test_a_constraint_that_fails_is_benched_and_named(make_search, judged, answer):
    """Texts go through without it."""
    search = make_search(constraints=[_Constraint(answer)])
    _goes_on(search, judged)
    assert list(search.benched) == ["fluency"]


def test_what_breaks_a_constraint_is_dropped_and_what_it_measured_is_kept(make_search, seeds):
    """It is asked about the text beside the original that its chain began with."""
    fluency = _Constraint(lambda n: Checked(np.arange(n) % 2 == 0, {"perplexity ratio": np.full(n, 1.23456)}))
    search = make_search(constraints=[fluency])
    found = search.propose(20)
    assert len(found) < len(fluency.asked)
    assert {c.provenance.meta["perplexity ratio"] for c in found} == {1.2346}
    roots = {seed.id for seed in seeds}
    assert {parent.id for parent, _ in fluency.asked} <= roots
    assert search.benched == {}


@dataclass
class _Pair:
    passes: bool
    meaning: float | None = None
    perplexity_ratio: float | None = None


def test_pairs_of_texts_may_be_measured_by_something_else(make_search):
    """What does not pass is dropped; what was measured is kept with the text, what was not leaves no trace."""

    def measure(pairs):
        return [_Pair(len(rewrite.text) > len(original.text), 0.9) for original, rewrite in pairs]

    found = make_search(constraints=[Measured(measure)]).propose(20)
    assert {c.provenance.meta["meaning"] for c in found} == {0.9}
    assert not any("perplexity_ratio" in c.provenance.meta for c in found)
    assert make_search(constraints=[Measured(lambda pairs: [_Pair(passes=False) for _ in pairs])]).propose(5) == []
    short = make_search(constraints=[Measured(lambda _: [])])
    assert short.propose(5)
    assert list(short.benched) == ["measured"]


def test_length_drops_what_nobody_would_read_and_what_lost_most_of_the_text():
    """Too many characters, or less than half of the original's words."""
    original = Text("one two three four five six")
    texts = [Text("one two three"), Text("one two"), Text("word " * 40), Text("word " * 41)]
    keep, numbers = Length(most=200).check([original] * 4, texts)
    assert keep.tolist() == [True, False, True, False]
    assert numbers == {}
