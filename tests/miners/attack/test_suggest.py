"""What may be done to a word, and that the text around it stays in shape."""

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.text import Text
from miners.attack.suggest import Place, anywhere, candidates_of, fluent, most_promising, near_left, promising


def place(marked, context=""):
    """The text with the word between brackets."""
    start, end = marked.index("["), marked.index("]") - 1
    return Place(Text(marked.replace("[", "").replace("]", ""), context), start, end)


@pytest.mark.parametrize(
    ("marked", "kind", "word", "text"),
    [
        ("The [cat] sat.", "replace", "dog", "The dog sat."),
        ("[Cats] sat.", "replace", "dogs", "Dogs sat."),
        ("The [cat] sat.", "before", "old", "The old cat sat."),
        ("[Cats] sat.", "before", "old", "Old Cats sat."),
        ("It rained. [Cats] sat.", "before", "then", "It rained. Then Cats sat."),
        ("The [cat] sat.", "after", "then", "The cat then sat."),
        ("The cat [sat].", "after", "down", "The cat sat down."),
        ("The cat sat[].", "before", "down", "The cat sat down."),
        ("[]The cat sat.", "before", "then", "Then The cat sat."),
        ("The [cat] sat.", "remove", "", "The sat."),
        ("The cat [sat].", "remove", "", "The cat."),
        ("[The] cat sat.", "remove", "", "Cat sat."),
        ("Tom\u2019s [cat], sat.", "remove", "", "Tom\u2019s, sat."),
    ],
)
def test_changes_keep_spaces_and_capitals(marked, kind, word, text):
    """The new text, and the step that leads to it."""
    change = place(marked).change(kind, word)
    assert change.text == text
    assert change.edit.apply(place(marked).text.text) == text


def test_a_gap_is_what_stands_left_and_right_of_it():
    """The context counts as standing left."""
    assert place("The [cat] sat.", "Once.").gaps() == [
        ("Once. The ", " sat."),
        ("Once. The ", " cat sat."),
        ("Once. The cat", " sat."),
    ]


def test_a_word_is_not_said_twice():
    """Neither the word itself nor its neighbours come back as suggestions, nor what is unlikely there."""
    likely = [("cat", -0.5), ("The", -0.6), ("sat", -0.7), ("dog", -1.0), ("far", -9.0)]
    assert candidates_of(place("The [cat] sat."), "replace", likely) == ["dog"]


def test_the_only_word_cannot_be_left_out():
    """An empty text is none."""
    assert place("[Cats]").removal() == []
    assert [change.text for change in place("[Cats] sat").removal()] == ["Sat"]


def test_what_is_foretold_to_help_most_comes_first():
    """Without gradients the likeliest do."""
    assert promising(["a", "b", "c"], np.array([0.5, -2.0, -1.0]), 2) == [("b", -2.0), ("c", -1.0)]
    assert promising(["a", "b", "c"], None, 2) == [("a", None), ("b", None)]


def test_what_reads_much_worse_is_left_out():
    """One nat a token is the limit."""
    spot = place("The [cat] sat.")
    changes = [spot.change("replace", word, how) for word, how in (("dog", -2.0), ("is", -3.5), ("hen", -2.9))]
    assert [change.word for change in fluent(changes, 5)] == ["dog", "hen"]
    assert [change.word for change in fluent(changes, 1)] == ["dog"]


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 99)])
def test_a_place_outside_the_text_is_refused(start, end):
    """With what is wrong about it."""
    with pytest.raises(InputError, match="no part of"):
        Place(Text("The cat"), start, end).checked()


def test_free_words_are_looked_at_in_the_order_of_their_weight():
    """The others stay out, however much they weigh; capitals do not matter."""
    text = Text("Badly hurt, she sang.")
    spans = ((0, 5), (6, 10), (12, 15), (16, 20))
    places = anywhere(text, spans, np.array([0.5, 4.0, 0.1, -0.9]), {"badly", "sang", "she"}, 2)
    assert [place.word for place in places] == ["sang", "Badly"]


def test_what_promises_most_is_chosen_wherever_it_stands():
    """Nothing that is foretold to raise the score, nothing where nobody foretold, and two of one word at most."""
    words = [["a", "b"], ["c"], ["d", "e", "f"]]
    effects = [np.array([-1.0, 0.5]), None, np.array([-3.0, -1.5, -2.0])]
    assert most_promising(words, effects, 1) == {2: [("d", -3.0)]}
    assert most_promising(words, effects, 9) == {2: [("d", -3.0), ("f", -2.0)], 0: [("a", -1.0)]}


def test_only_the_end_of_a_long_left_side_is_read():
    """From a word on."""
    assert near_left("short") == "short"
    assert near_left("word " * 200) == "word " * 79
