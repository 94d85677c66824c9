"""Rewrites keep to limits of length, newness, meaning and fluency, the cheap tests first."""

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble.text import Text
from miners.constraints import Constraints, Limits

PARENT = Text("The wire opened his palm, and he wrapped it in his scarf before the others came.")
NEAR = Text("The wire opened his palm, and he bound it with his scarf before the others came.")


class Reader:
    """Texts are as fluent as they have few capitals, and mean what share of the parent's words they hold."""

    def __init__(self):
        self.read, self.placed = [], []

    def fluency(self, texts):
        self.read += texts
        return np.array([-3.0 - sum(letter.isupper() for letter in text) for text in texts])

    def meaning(self, texts):
        self.placed += [text.text for text in texts]
        shares = [len(set(text.text.split()) & set(PARENT.text.split())) / len(PARENT.text.split()) for text in texts]
        return np.array([[share, np.sqrt(max(0.0, 1 - share**2))] for share in shares])


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def constraints(reader):
    return Constraints(fluency=reader.fluency, meaning=reader.meaning)


def test_what_keeps_to_all_limits_passes_and_says_its_numbers(constraints):
    """Ratio of perplexities, of lengths, and the cosine are there to be shown."""
    (check,) = constraints.check([(PARENT, NEAR)])
    assert check.passes
    assert check.perplexity_ratio == pytest.approx(1.0)
    assert 0.7 < check.meaning < 1.0
    assert check.length_ratio == pytest.approx(len(NEAR.text) / len(PARENT.text))


@pytest.mark.parametrize(
    ("rewrite", "why"),
    [
        (Text("The wire."), "length"),
        (Text(PARENT.text * 3), "length"),
        (PARENT, "duplicate"),
        (Text("Nobody sang at the harbour on the day that all the ferries lay idle."), "meaning"),
        (Text(NEAR.text.replace("wire", "WIRE")), "fluency"),
    ],
)
def test_it_says_which_limit_a_rewrite_breaks(constraints, rewrite, why):
    """Too short, too long, the parent itself, about something else, or hard to read."""
    (check,) = constraints.check([(PARENT, rewrite)])
    assert not check.passes
    assert check.why == why


def test_the_language_model_reads_only_what_passed_everything_else(constraints, reader):
    """A batch costs one call of each model, with parents once and failures left out."""
    far, short = Text("Nobody sang at the harbour on the day that all the ferries lay idle."), Text("The wire.")
    constraints.check([(PARENT, NEAR), (PARENT, far), (PARENT, short)])
    assert reader.read == [PARENT.text, NEAR.text]
    assert sorted(reader.placed) == sorted([PARENT.text, NEAR.text, far.text])


def test_a_parent_is_measured_once(constraints, reader):
    """It comes again with every rewrite of a campaign."""
    for number in range(3):
        constraints.check([(PARENT, Text(f"{NEAR.text} {number}"))])
    assert reader.read.count(PARENT.text) == reader.placed.count(PARENT.text) == 1


def test_what_was_kept_is_not_kept_again(constraints):
    """Nothing is remembered by checking alone; what is kept bars itself and what is nearly the same."""
    assert constraints.check([(PARENT, NEAR)])[0].passes
    assert constraints.check([(PARENT, NEAR)])[0].passes
    constraints.keep([NEAR])
    assert constraints.check([(PARENT, NEAR)])[0].why == "duplicate"
    assert constraints.check([(PARENT, Text(NEAR.text.replace("came.", "came!")))])[0].why == "duplicate"


def test_without_models_only_length_and_newness_are_tested():
    """What measures nothing is left out, and its numbers are missing."""
    (check,) = Constraints().check([(PARENT, Text("A" + PARENT.text[1:] * 1))])
    assert check.meaning is check.perplexity_ratio is None


@pytest.mark.parametrize("limits", [{"perplexity_ratio": 0}, {"shortest": 0}, {"longest": 0.5}, {"meaning": 2}])
def test_limits_that_cannot_be_are_refused(limits):
    """They name the field."""
    with pytest.raises(ValidationError, match=next(iter(limits))):
        Limits(**limits)
